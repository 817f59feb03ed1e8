package browse_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/browser"
	"github.com/cineloop/cineloop/internal/judges"
	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/dicomweb"
)

// TestJudgeOHIF lets OHIF, on an origin of its own, list the studies of an archive and show a CT and a cine loop. Pictures of it are kept
// under artifacts/.
func TestJudgeOHIF(t *testing.T) {
	viewer := judges.OHIF(t)
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
	h, err := serve.Handler(web.NewServer(backend, web.Options{}), serve.Options{Rate: 1e6, Origins: []string{viewer.URL}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	viewer.Of(srv.URL + "/dicom-web")

	artifacts := filepath.Join(testdata.Root(t), "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	b.Size(1440, 900, false)
	b.Open(viewer.URL + "/")
	b.Wait(`document.body.innerText.includes("Smith") && document.body.innerText.includes("CT chest with contrast")`)
	b.Screenshot(filepath.Join(artifacts, "ohif-list.png"))
	b.Open(viewer.URL + "/viewer?StudyInstanceUIDs=1.2.3.77")
	b.Wait(judges.Drawn(4))
	b.Eval(judges.SkipTour)
	b.Screenshot(filepath.Join(artifacts, "ohif-ct.png"))
	b.Open(viewer.URL + "/viewer?StudyInstanceUIDs=" + loop.Study)
	b.Wait(judges.Drawn(60))
	b.Eval(judges.SkipTour)
	b.Screenshot(filepath.Join(artifacts, "ohif-cine.png"))
}
