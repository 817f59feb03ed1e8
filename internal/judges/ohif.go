package judges

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Viewer is OHIF on an origin of its own.
type Viewer struct {
	URL string // of its page

	base string
}

// OHIF serves OHIF as npm has it, built. It asks the DICOMweb service that [Viewer.Of] names.
func OHIF(t testing.TB) *Viewer {
	t.Helper()
	if os.Getenv("CINELOOP_JUDGES") == "" {
		t.Skip("OHIF judges in make judges: it is fetched there")
	}
	dist := ohif(t)
	v := &Viewer{}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/app-config.js" {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprintf(w, ohifConfig, v.base)
			return
		}
		if _, err := os.Stat(filepath.Join(dist, filepath.FromSlash(filepath.Clean("/"+r.URL.Path)))); err != nil { // its own routes
			r.URL.Path = "/"
		}
		http.FileServer(http.Dir(dist)).ServeHTTP(w, r)
	}))
	t.Cleanup(page.Close)
	v.URL = page.URL
	return v
}

// Of sets the DICOMweb service, before the first page is opened.
func (v *Viewer) Of(base string) { v.base = base }

// SkipTour is a script that ends the tour OHIF begins with.
const SkipTour = `(() => { const b = [...document.querySelectorAll("button, a")].find(e => e.textContent.trim() === "Skip all"); b?.click(); return true; })()`

// Drawn is a script that says whether a viewport has drawn an image: its canvas shows more than that many greys.
func Drawn(greys int) string {
	return fmt.Sprintf(`(() => { for (const c of document.querySelectorAll(".cornerstone-canvas")) {
			const p = document.createElement("canvas"); p.width = p.height = 64; const x = p.getContext("2d"); x.drawImage(c, 0, 0, 64, 64);
			const d = x.getImageData(0, 0, 64, 64).data, seen = new Set(); for (let i = 0; i < d.length; i += 4) seen.add(d[i]); if (seen.size > %d) return true; } return false; })()`, greys)
}

// ohifVersion is what npm has, built.
const ohifVersion = "3.13.2"

// ohif is the folder of a built OHIF viewer, fetched once into the user's cache.
func ohif(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("no cache folder for OHIF: %v", err)
	}
	dir := filepath.Join(cache, "cineloop", "ohif-"+ohifVersion)
	dist := filepath.Join(dir, "package", "dist")
	if _, err := os.Stat(filepath.Join(dist, "index.html")); err == nil {
		return dist
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not installed: OHIF can't be fetched")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"npm", "pack", "--silent", "@ohif/app@" + ohifVersion}, {"tar", "xzf", "ohif-app-" + ohifVersion + ".tgz"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("OHIF can't be had: %v %.300s", err, out)
		}
	}
	return dist
}

const ohifConfig = `window.config = { routerBasename: "/", extensions: [], modes: [], showStudyList: true, showWarningMessageForCrossOrigin: false, useSharedArrayBuffer: "FALSE",
  maxNumberOfWebWorkers: 2, showLoadingIndicator: true, strictZSpacingForVolumeViewport: false, investigationalUseDialog: { option: "never" },
  defaultDataSourceName: "cineloop", dataSources: [{ namespace: "@ohif/extension-default.dataSourcesModule.dicomweb", sourceName: "cineloop",
    configuration: { friendlyName: "Cineloop", name: "cineloop", wadoUriRoot: "%[1]s/wado", qidoRoot: "%[1]s", wadoRoot: "%[1]s", qidoSupportsIncludeField: true,
      imageRendering: "wadors", thumbnailRendering: "wadors", enableStudyLazyLoad: true, supportsFuzzyMatching: true, supportsWildcard: true, staticWado: false,
      singlepart: "bulkdata,video", bulkDataURI: { enabled: true }, omitQuotationForMultipartRequest: true } }] };`
