package web

import (
	"container/list"
	"context"
	"net/http"
	"sync"

	"github.com/cineloop/cineloop/internal/fault"
)

const (
	thumbnailSide   = 160
	maxThumbnail    = 512
	thumbnailsBytes = 64 << 20 // kept in memory
)

// thumbnail answers with a small picture that stands for a study, series, instance or frame: the middle frame of the middle instance
// that can be drawn.
func (s *Server) thumbnail(w http.ResponseWriter, r *http.Request) error {
	at, err := resourceOf(r)
	if err != nil {
		return err
	}
	kind, _, err := choose(acceptsOf(r), typeJPEG, typePNG)
	if err != nil {
		return err
	}
	l, err := parseLook(r.URL.Query())
	if err != nil {
		return err
	}
	if l.width == 0 && l.height == 0 {
		l.width, l.height = thumbnailSide, thumbnailSide
	}
	l.width, l.height = min(l.width, maxThumbnail), min(l.height, maxThumbnail)
	frame := -1
	if p := r.PathValue("frames"); p != "" {
		frames, err := parseFrames(p)
		if err != nil {
			return err
		}
		frame = frames[0]
	}
	var all []Instance
	for in, err := range s.backend.List(r.Context(), at) {
		if err != nil {
			return err
		}
		all = append(all, in)
	}
	if len(all) == 0 {
		return errNothing
	}
	for _, in := range fromTheMiddle(all) {
		key := in.Tag + kind + r.PathValue("frames") + lookTag(l)
		b, ok := s.thumbs.get(key)
		if !ok {
			if b, err = s.picture(r.Context(), in, frame, l, kind); err != nil {
				if r.Context().Err() != nil {
					return context.Cause(r.Context())
				}
				continue
			}
			s.thumbs.put(key, b)
		}
		if notModified(w, r, "t-"+key) {
			return nil
		}
		w.Header().Set("Content-Type", kind)
		return serveBytes(w, r, b)
	}
	return fault.New(fault.NotFound, "nothing here has a picture")
}

// fromTheMiddle are up to four instances, from the middle outwards.
func fromTheMiddle(all []Instance) []Instance {
	mid := len(all) / 2
	out := []Instance{all[mid]}
	for _, i := range []int{0, len(all) - 1, len(all) / 4} {
		if i != mid && len(out) < len(all) {
			out = append(out, all[i])
		}
	}
	return out
}

// thumbnails remembers the latest ones up to a number of bytes.
type thumbnails struct {
	mu    sync.Mutex
	order list.List // of entry, newest first
	at    map[string]*list.Element
	bytes int
}

type thumb struct {
	key string
	b   []byte
}

func (t *thumbnails) get(key string) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.at[key]
	if !ok {
		return nil, false
	}
	t.order.MoveToFront(e)
	return e.Value.(thumb).b, true
}

func (t *thumbnails) put(key string, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.at[key]; ok || len(b) > thumbnailsBytes/16 {
		return
	}
	if t.at == nil {
		t.at = map[string]*list.Element{}
	}
	t.at[key] = t.order.PushFront(thumb{key, b})
	for t.bytes += len(b); t.bytes > thumbnailsBytes; {
		last := t.order.Remove(t.order.Back()).(thumb)
		delete(t.at, last.key)
		t.bytes -= len(last.b)
	}
}
