package reading

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/uid"
)

func (s *Server) getFrame(w http.ResponseWriter, r *http.Request, v *visitor) error {
	id := r.PathValue("id")
	image, err1 := strconv.Atoi(r.PathValue("image"))
	frame, err2 := strconv.Atoi(r.PathValue("frame"))
	if err1 != nil || err2 != nil {
		return annotate.ErrUnknown
	}
	pic, err := s.pictureOf(v.who, id, image)
	if err != nil {
		return err
	}
	if frame < 0 || frame >= pic.Frames {
		return annotate.ErrUnknown
	}
	at := view{id, image}
	if s.sessions.first(v.session, at) {
		if err := s.log.add(entry{Event: "view", Who: v.who, Session: v.session.tag, Object: id, Image: image}); err != nil {
			return err
		}
		s.sessions.noted(v.session, at)
	}
	tag := s.etag(id, image, frame)
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Vary", "Cookie")
	h.Set("Cache-Control", "private, max-age=86400, immutable")
	if strings.Contains(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return s.pictures.with(id, pic, func(im *pixel.Image) error {
		b, kind, d, err := encode(im, frame)
		if err != nil {
			return err
		}
		h.Set("Content-Type", kind)
		h.Set("Content-Length", strconv.Itoa(len(b)))
		h.Set("Cineloop-Frame", fmt.Sprintf("rows=%d, columns=%d, samples=%d, bits=%d, signed=%t", d.Rows, d.Columns, d.Samples, d.Bits, d.Signed))
		_, _ = w.Write(b) // the browser went away
		return nil
	})
}

// etag names a frame of an assignment, for as long as the server runs. It is none of the picture's own digests: by these a case could be
// recognised.
func (s *Server) etag(assignment string, image, frame int) string {
	m := hmac.New(sha256.New, s.etags[:])
	fmt.Fprintf(m, "%s/%d/%d", assignment, image, frame)
	return `"` + hex.EncodeToString(m.Sum(nil)[:16]) + `"`
}

// encode is a frame as it is sent: a JPEG in baseline as it is stored, but for what it could say; anything else as samples.
func encode(im *pixel.Image, frame int) (b []byte, kind string, d imageView, err error) {
	d, err = describe(im)
	if err != nil {
		return nil, "", d, err
	}
	if string(im.TransferSyntax) == uid.JPEGBaseline8Bit && im.BitsAllocated == 8 {
		if stored, err := im.Encoded(frame); err == nil {
			if bare, ok := bareJPEG(stored, im.Photometric, im.Rows, im.Columns); ok {
				return bare, "image/jpeg", d, nil
			}
		}
	}
	kind = "application/octet-stream"
	if d.Samples == 3 {
		if b, err = im.RGB(frame); err != nil {
			return nil, "", d, errPicture
		}
		return b, kind, d, nil
	}
	if b, err = im.Frame(frame); err != nil {
		return nil, "", d, errPicture
	}
	return samples(im, b, d.Bits), kind, d, nil
}

// samples cuts a decoded frame's samples out of their cells: with their sign, in 8 or 16 bits, and nothing else that the cells hold.
func samples(im *pixel.Image, frame []byte, bits int) []byte {
	size := im.SampleBytes()
	if size*8 == bits && im.BitsStored == bits {
		return frame
	}
	n := len(frame) / size
	out := make([]byte, n*bits/8)
	low := max(0, im.HighBit+1-im.BitsStored)
	mask := uint32(1)<<im.BitsStored - 1
	for i := range n {
		var cell uint32
		switch size {
		case 1:
			cell = uint32(frame[i])
		case 2:
			cell = uint32(binary.LittleEndian.Uint16(frame[2*i:]))
		default:
			cell = binary.LittleEndian.Uint32(frame[size*i:])
		}
		v := cell >> low & mask
		if im.Signed && v>>(im.BitsStored-1) == 1 {
			v |= ^mask
		}
		if bits == 8 {
			out[i] = byte(v)
		} else {
			binary.LittleEndian.PutUint16(out[2*i:], uint16(v))
		}
	}
	return out
}
