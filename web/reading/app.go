package reading

import (
	"bytes"
	"compress/gzip"
	"embed"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/annotate"
)

// dist is the browser's part, which web/src is built into (make web).
//
//go:embed all:dist
var dist embed.FS

// pageApp is every page of the app: the same bytes for each address and each member. What a page shows it asks for by routes of the API.
func pageApp(w http.ResponseWriter, r *http.Request, _ *visitor) error {
	return static(w, r, "dist/index.html")
}

// asset is a file of the app. Names of what was built hold a digest after a hyphen, and such a file stays the same for good.
func asset(w http.ResponseWriter, r *http.Request, _ *visitor) error {
	name := r.PathValue("file")
	if path.Base(name) != name {
		return annotate.ErrUnknown
	}
	if strings.Contains(name, "-") {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	return static(w, r, "dist/assets/"+name)
}

// packed are files of dist after gzip, made when they are first asked for.
var packed sync.Map

func static(w http.ResponseWriter, r *http.Request, name string) error {
	b, err := dist.ReadFile(name)
	if err != nil {
		return annotate.ErrUnknown
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		z, ok := packed.Load(name)
		if !ok {
			var buf bytes.Buffer
			w, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
			_, _ = w.Write(b) // into memory
			_ = w.Close()
			z, _ = packed.LoadOrStore(name, buf.Bytes())
		}
		h.Set("Content-Encoding", "gzip")
		b = z.([]byte)
	}
	_, _ = w.Write(b) // the browser went away
	return nil
}
