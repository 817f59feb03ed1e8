package clip

import (
	"encoding/binary"
	"fmt"
)

// aviFile is what the reader needs of an AVI (RIFF) container: its first video stream.
// Source: Microsoft AVI RIFF File Reference; OpenDML AVI File Format Extensions 1.02 (further RIFF AVIX parts).
type aviFile struct {
	codec         string // FourCC of the stream's format, upper case
	width, height int
	frameMS       float64  // 0: the header does not say
	frames        [][]byte // one JPEG each; empty means "as the frame before" (a dropped frame)
	notes         []string
}

const aviHint = "re-save it, for example: ffmpeg -i IN.avi -c:v mjpeg -q:v 2 OUT.avi"

// parseAVI lists the frames of b without decoding them. Slices share b.
func parseAVI(b []byte) (*aviFile, error) {
	a := &aviFile{}
	p := aviParser{b: b, file: a, stream: -1}
	for off := 0; off+12 <= len(b); {
		id, size := string(b[off:off+4]), int(binary.LittleEndian.Uint32(b[off+4:]))
		if id != "RIFF" {
			break
		}
		end := off + 8 + size
		if size < 4 || end > len(b) {
			if off == 0 && end != len(b) {
				a.notes = append(a.notes, "the container's length is wrong; read to the file's end")
			}
			end = len(b)
		}
		if form := string(b[off+8 : off+12]); form != "AVI " && form != "AVIX" {
			break
		}
		if err := p.list(off+12, end, 0); err != nil {
			return nil, err
		}
		off = end + end&1
	}
	if p.stream < 0 {
		return nil, inputf("AVI: no video stream header (strl)").WithHint(aviHint)
	}
	a.frames = p.scanned
	if idx, ok := p.indexed(); ok {
		a.frames = idx
	} else if p.idx1 != nil {
		a.notes = append(a.notes, "the index (idx1) does not fit the frames; they were found by scanning")
	}
	if len(a.frames) == 0 {
		return nil, inputf("AVI: no frames in the movi list").WithHint(aviHint)
	}
	return a, nil
}

type aviParser struct {
	b       []byte
	file    *aviFile
	streams int // stream headers seen
	stream  int // number of the first video stream; -1 before it is seen
	usFrame uint32
	movi    int // offset of the first movi list's type word, which idx1 counts from
	moviEnd int
	idx1    []byte
	scanned [][]byte
	inVideo bool // the strl being read is the chosen stream's
}

// list walks the chunks of b[off:end]. Depth is bounded because damaged files nest without end.
func (p *aviParser) list(off, end, depth int) error {
	if depth > 8 {
		return inputf("AVI: lists nested deeper than any writer makes").WithHint(aviHint)
	}
	for off+8 <= end {
		id := string(p.b[off : off+4])
		size := int(binary.LittleEndian.Uint32(p.b[off+4:]))
		body := off + 8
		stop := body + size
		if id == "LIST" && size == 0 { // never closed by its writer
			stop = end
		}
		if stop > end {
			// A recorder that lost power leaves the last list open: take what is there. A cut frame is dropped.
			if id != "LIST" {
				p.file.notes = append(p.file.notes, fmt.Sprintf("the file ends inside chunk %q", printable(id)))
				return nil
			}
			stop = end
		}
		if id == "LIST" {
			if stop-body < 4 {
				return inputf("AVI: empty LIST at byte %d", off).WithHint(aviHint)
			}
			kind := string(p.b[body : body+4])
			if kind == "movi" {
				if size == 4 {
					stop = end
				}
				if p.movi == 0 {
					p.movi, p.moviEnd = body, stop
				}
			}
			if kind == "strl" {
				p.inVideo = false
			}
			if err := p.list(body+4, stop, depth+1); err != nil {
				return err
			}
		} else if err := p.chunk(id, p.b[body:stop]); err != nil {
			return err
		}
		off = stop + stop&1
	}
	return nil
}

func (p *aviParser) chunk(id string, body []byte) error {
	le := binary.LittleEndian
	switch id {
	case "avih":
		if len(body) >= 4 {
			p.usFrame = le.Uint32(body)
		}
	case "strh":
		n := p.streams
		p.streams++
		if len(body) < 32 {
			return inputf("AVI: stream header of %d bytes", len(body)).WithHint(aviHint)
		}
		if string(body[:4]) != "vids" || p.stream >= 0 {
			return nil
		}
		p.stream, p.inVideo = n, true
		p.file.codec = fourCC(body[4:8])
		scale, rate := le.Uint32(body[20:]), le.Uint32(body[24:])
		switch {
		case scale > 0 && rate > 0:
			p.file.frameMS = 1000 * float64(scale) / float64(rate)
		case p.usFrame > 0:
			p.file.frameMS = float64(p.usFrame) / 1000
		default:
			p.file.notes = append(p.file.notes, "no frame rate in the header")
		}
	case "strf":
		if p.inVideo && len(body) >= 20 {
			p.file.width, p.file.height = int(int32(le.Uint32(body[4:]))), int(int32(le.Uint32(body[8:])))
			if p.file.height < 0 {
				p.file.height = -p.file.height
			}
			if c := fourCC(body[16:20]); c != "" {
				p.file.codec = c
			}
		}
	case "idx1":
		p.idx1 = body
	default:
		if p.isFrame(id) {
			p.scanned = append(p.scanned, body)
		}
	}
	return nil
}

// isFrame reports whether a chunk's name is "NNdc" or "NNdb" of the chosen stream.
func (p *aviParser) isFrame(id string) bool {
	return p.stream >= 0 && id[2] == 'd' && (id[3] == 'c' || id[3] == 'b') &&
		id[0] >= '0' && id[0] <= '9' && id[1] >= '0' && id[1] <= '9' && int(id[0]-'0')*10+int(id[1]-'0') == p.stream
}

// indexed lists the frames in the order of the old-style index, which may repeat or leave out chunks. It reports false when any
// entry does not point at a frame chunk, or when there is more video than one index covers (OpenDML files).
func (p *aviParser) indexed() ([][]byte, bool) {
	if len(p.idx1) < 16 || p.movi == 0 {
		return nil, false
	}
	le := binary.LittleEndian
	for _, base := range []int{p.movi, 0} { // offsets count from the movi list or, by some writers, from the file's start
		var out [][]byte
		ok := true
		for e := p.idx1; len(e) >= 16; e = e[16:] {
			id := string(e[:4])
			if !p.isFrame(id) {
				continue
			}
			at := base + int(le.Uint32(e[8:]))
			if at < p.movi || at+8 > p.moviEnd || string(p.b[at:at+4]) != id {
				ok = false
				break
			}
			n := int(le.Uint32(p.b[at+4:]))
			if at+8+n > p.moviEnd {
				ok = false
				break
			}
			out = append(out, p.b[at+8:at+8+n])
		}
		if ok && len(out) > 0 && len(out) >= len(p.scanned) {
			return out, true
		}
	}
	return nil, false
}

func fourCC(b []byte) string {
	out := make([]byte, 0, 4)
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			out = append(out, c-32)
		case c > ' ' && c < 127:
			out = append(out, c)
		}
	}
	return string(out)
}

func printable(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

var motionJPEG = map[string]bool{"MJPG": true, "JPEG": true, "AVRN": true, "DMB1": true, "LJPG": false}

// openAVI reads motion JPEG itself and hands other codecs to ffmpeg.
func openAVI(file string, cfg *readConfig) (*Clip, error) {
	b, err := cfg.readAll(file)
	if err != nil {
		return nil, err
	}
	a, err := parseAVI(b)
	if err != nil {
		return nil, err
	}
	if !motionJPEG[a.codec] {
		return openVideo(file, cfg)
	}
	c, err := decodeMotionJPEG(a, cfg)
	if err != nil {
		return nil, err
	}
	c.Source.Format = formatAVI
	c.Source.Digest = digestOf(b)
	return c, nil
}
