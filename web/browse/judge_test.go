package browse_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/browser"
	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/dicomweb"
)

// ohifVersion is what npm has, built.
const ohifVersion = "3.13.2"

// ohif is the folder of a built OHIF viewer, fetched once into the user's cache.
func ohif(t *testing.T) string {
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

// TestJudgeOHIF lets OHIF, on an origin of its own, list the studies of an archive and show a CT and a cine loop. Pictures of it are kept
// under artifacts/.
func TestJudgeOHIF(t *testing.T) {
	if os.Getenv("CINELOOP_JUDGES") == "" {
		t.Skip("OHIF judges in make judges: it is fetched there")
	}
	dist := ohif(t)
	b := browser.Start(t)
	dir := filepath.Join(t.TempDir(), "a")
	if err := store.Init(dir, store.DefaultConfig()); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(context.Background(), dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	backend := dicomweb.New(a)
	loop := web.Resource{}
	for _, f := range demo(t, true) {
		in, err := backend.Store(t.Context(), strings.NewReader(string(f)), web.Storing{})
		if err != nil {
			t.Fatal(err)
		}
		if loop.Study == "" {
			loop = in.Resource
		}
	}
	var base string
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/app-config.js" {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprintf(w, ohifConfig, base)
			return
		}
		if _, err := os.Stat(filepath.Join(dist, filepath.FromSlash(filepath.Clean("/"+r.URL.Path)))); err != nil { // its own routes
			r.URL.Path = "/"
		}
		http.FileServer(http.Dir(dist)).ServeHTTP(w, r)
	}))
	defer page.Close()
	h, err := serve.Handler(web.NewServer(backend, web.Options{}), serve.Options{Rate: 1e6, Origins: []string{page.URL}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	base = srv.URL + "/dicom-web"

	artifacts := filepath.Join(testdata.Root(t), "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	b.Size(1440, 900, false)
	b.Open(page.URL + "/")
	b.Wait(`document.body.innerText.includes("Smith") && document.body.innerText.includes("CT chest with contrast")`)
	b.Screenshot(filepath.Join(artifacts, "ohif-list.png"))
	// A viewport has drawn an image when its canvas shows that many greys.
	drawn := func(greys int) string {
		return fmt.Sprintf(`(() => { for (const c of document.querySelectorAll(".cornerstone-canvas")) {
			const p = document.createElement("canvas"); p.width = p.height = 64; const x = p.getContext("2d"); x.drawImage(c, 0, 0, 64, 64);
			const d = x.getImageData(0, 0, 64, 64).data, seen = new Set(); for (let i = 0; i < d.length; i += 4) seen.add(d[i]); if (seen.size > %d) return true; } return false; })()`, greys)
	}
	skipTour := `(() => { const b = [...document.querySelectorAll("button, a")].find(e => e.textContent.trim() === "Skip all"); b?.click(); return true; })()`
	b.Open(page.URL + "/viewer?StudyInstanceUIDs=1.2.3.77")
	b.Wait(drawn(4))
	b.Eval(skipTour)
	b.Screenshot(filepath.Join(artifacts, "ohif-ct.png"))
	b.Open(page.URL + "/viewer?StudyInstanceUIDs=" + loop.Study)
	b.Wait(drawn(60))
	b.Eval(skipTour)
	b.Screenshot(filepath.Join(artifacts, "ohif-cine.png"))
}
