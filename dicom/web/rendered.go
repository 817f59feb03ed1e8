package web

import (
	"context"
	"fmt"
	"image/gif"
	"net/http"
	"strconv"

	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// rendered answers with pictures: of the frames that the path names, or of one instance (its first frame; all of them as parts, or
// moving as a GIF), or of every instance's first frame, as parts.
func (s *Server) rendered(w http.ResponseWriter, r *http.Request) error {
	at, err := resourceOf(r)
	if err != nil {
		return err
	}
	l, err := parseLook(r.URL.Query())
	if err != nil {
		return err
	}
	for _, p := range []string{"annotation", "iccprofile"} {
		if v := r.URL.Query().Get(p); v != "" && v != "no" {
			warning(w, r, "The %s parameter is not supported", p)
		}
	}
	kind, m, err := choose(acceptsOf(r), typeJPEG, typePNG, typeGIF)
	if err != nil {
		return err
	}
	ctx := r.Context()
	if at.Instance == "" {
		return s.renderedMany(w, r, at, l, kind)
	}
	in, err := s.first(ctx, at)
	if err != nil {
		return err
	}
	if notModified(w, r, fmt.Sprintf("%s-%s-%s-%t-%s", in.Tag, kind, r.PathValue("frames"), m.Related, lookTag(l))) {
		return nil
	}
	im, closer, err := s.image(ctx, in, form{})
	if err != nil {
		return err
	}
	defer closer()
	var list []int
	if p := r.PathValue("frames"); p != "" {
		if list, err = parseFrames(p); err != nil {
			return err
		}
		for _, i := range list {
			if i >= im.Frames {
				return fault.New(fault.NotFound, "the instance has %d frames", im.Frames)
			}
		}
		m.Related = m.Related || len(list) > 1
	}
	switch {
	case kind == typeGIF && list == nil && im.Frames > 1 && !m.Related:
		return s.moving(w, r, im, l)
	case list == nil && m.Related:
		for i := range im.Frames {
			list = append(list, i)
		}
	case list == nil:
		list = []int{0}
	}
	draw := func(i int) ([]byte, error) { return s.drawn(ctx, im, i, l, kind) }
	if !m.Related {
		b, err := draw(list[0])
		if err != nil {
			return undecodable(err)
		}
		w.Header().Set("Content-Type", kind)
		return serveBytes(w, r, b)
	}
	url := s.url(r, in.Resource) + "/frames/"
	return writeParts(ctx, w, kind, list, 2, draw, func(i int) string { return url + strconv.Itoa(i+1) + "/rendered" })
}

func lookTag(l look) string {
	w := ""
	if l.window != nil {
		w = fmt.Sprint(*l.window)
	}
	l.window = nil
	return fmt.Sprintf("%x", w+fmt.Sprint(l))
}

// drawn is one frame as an encoded picture. A JPEG that every browser shows as it is meant is passed on as it is stored.
func (s *Server) drawn(ctx context.Context, im *pixel.Image, i int, l look, kind string) ([]byte, error) {
	if kind == typeJPEG && l.plain() && im.TransferSyntax == uid.JPEGBaseline8Bit && im.Samples == 3 && (im.Photometric == "YBR_FULL_422" || im.Photometric == "YBR_FULL") {
		if b, err := im.Encoded(i); err == nil && showable(b) {
			return b, nil
		}
	}
	done, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	img, err := l.draw(im, i)
	if err != nil {
		return nil, err
	}
	return l.encodeBytes(img, kind)
}

// showable reports whether a stream is a plain JPEG without an Adobe marker, which could change what its components mean.
func showable(b []byte) bool {
	if len(b) < 4 || b[0] != 0xFF || b[1] != 0xD8 {
		return false
	}
	for at := 2; at+4 <= len(b); {
		if b[at] != 0xFF {
			return false
		}
		switch b[at+1] {
		case 0xC0, 0xDA: // frame and scan: no Adobe marker before them
			return true
		case 0xEE:
			return false
		}
		at += 2 + int(b[at+2])<<8 + int(b[at+3])
	}
	return false
}

// writeParts answers with encoded pieces as parts, made on some goroutines and written in order.
func writeParts[T any](ctx context.Context, w http.ResponseWriter, kind string, list []T, workers int, do func(T) ([]byte, error), location func(T) string) error {
	out := newRelatedWriter(w, kind)
	n := 0
	for b, err := range ordered(ctx, list, workers, do) {
		if err != nil {
			return undecodable(err)
		}
		if n == 0 {
			w.Header().Set("Content-Type", out.contentType())
		}
		p, err := out.part(kind, location(list[n]))
		if err != nil {
			return err
		}
		n++
		if _, err := p.Write(b); err != nil {
			return err
		}
	}
	return out.close()
}

// renderedMany gives the first frame of every instance that has one.
func (s *Server) renderedMany(w http.ResponseWriter, r *http.Request, at Resource, l look, kind string) error {
	var list []Instance
	for in, err := range s.backend.List(r.Context(), at) {
		if err != nil {
			return err
		}
		list = append(list, in)
	}
	if len(list) == 0 {
		return errNothing
	}
	out := newRelatedWriter(w, kind)
	n := 0
	for k, b := range pairs(ordered(r.Context(), list, 2, func(in Instance) (drawnOrNot, error) {
		b, err := s.picture(r.Context(), in, 0, l, kind)
		return drawnOrNot{b, err}, nil
	})) {
		switch {
		case b.err == nil:
		case r.Context().Err() != nil:
			return context.Cause(r.Context())
		default:
			continue // reports, and what can't be decoded, have no picture
		}
		if n++; n == 1 {
			w.Header().Set("Content-Type", out.contentType())
			w.Header().Set("Cache-Control", "private, no-store")
		}
		p, err := out.part(kind, s.url(r, list[k].Resource)+"/rendered")
		if err != nil {
			return err
		}
		if _, err := p.Write(b.b); err != nil {
			return err
		}
	}
	if n == 0 {
		return errNotAcceptable(`application/dicom`)
	}
	return out.close()
}

type drawnOrNot struct {
	b   []byte
	err error
}

// pairs numbers what comes.
func pairs[R any](seq func(func(R, error) bool)) func(func(int, R) bool) {
	return func(yield func(int, R) bool) {
		i := 0
		seq(func(r R, _ error) bool {
			i++
			return yield(i-1, r)
		})
	}
}

// picture opens an instance and draws one frame; -1 is the middle one.
func (s *Server) picture(ctx context.Context, in Instance, frame int, l look, kind string) ([]byte, error) {
	im, closer, err := s.image(ctx, in, form{})
	if err != nil {
		return nil, err
	}
	defer closer()
	if frame < 0 {
		frame = im.Frames / 2
	}
	if frame >= im.Frames {
		return nil, fault.New(fault.NotFound, "the instance has %d frames", im.Frames)
	}
	return s.drawn(ctx, im, frame, l, kind)
}

// maxMoving is how many pixels a moving picture may have in all: it is made in memory.
const maxMoving = 96 << 20

// moving gives all frames as one animated GIF with the times of the file, as far as the form's hundredths of a second hold them.
func (s *Server) moving(w http.ResponseWriter, r *http.Request, im *pixel.Image, l look) error {
	width, height := fit(im.Columns, im.Rows, l.width, l.height)
	if int64(width)*int64(height)*int64(im.Frames) > maxMoving {
		return fault.New(fault.Resource, "%d frames of %d×%d are too much for one animation", im.Frames, width, height).WithHint("ask for a smaller viewport")
	}
	g := &gif.GIF{}
	times := im.TimesMS()
	for i := range im.Frames {
		if err := r.Context().Err(); err != nil {
			return err
		}
		img, err := l.draw(im, i)
		if err != nil {
			return undecodable(err)
		}
		delay := 4
		if i+1 < len(times) {
			delay = int(times[i+1]/10+0.5) - int(times[i]/10+0.5)
		} else if i > 0 {
			delay = g.Delay[i-1]
		}
		g.Image, g.Delay = append(g.Image, paletted(img)), append(g.Delay, max(delay, 2))
	}
	w.Header().Set("Content-Type", typeGIF)
	return gif.EncodeAll(w, g)
}
