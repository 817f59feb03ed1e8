package reading

import (
	"errors"
	"path/filepath"
	"sync"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	maxOpen  = 32        // files
	maxFrame = 256 << 20 // bytes of one frame
)

// pictures keeps files open that are being looked at.
type pictures struct {
	root string

	mu     sync.Mutex
	open   map[string]*picture // by digest
	tick   int64
	closed bool
}

type picture struct {
	once  sync.Once
	file  *dicom.File
	image *pixel.Image
	err   error

	users int
	used  int64
}

// errPicture says nothing of the file: names may be patients'.
var errPicture = fault.New(fault.Input, "the picture can't be read any more, or is not the one that was put into the study")

// with gives a picture to use.
func (p *pictures) with(pic annotate.Picture, use func(*pixel.Image) error) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return errPicture
	}
	o := p.open[pic.Digest]
	if o == nil {
		if p.open == nil {
			p.open = map[string]*picture{}
		}
		o = &picture{}
		p.open[pic.Digest] = o
	}
	o.users++
	p.tick++
	o.used = p.tick
	p.mu.Unlock()
	defer p.release(pic.Digest, o)

	o.once.Do(func() { o.load(p.root, pic) })
	if o.err != nil {
		return o.err
	}
	return use(o.image)
}

func (o *picture) load(root string, pic annotate.Picture) {
	path := pic.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, filepath.FromSlash(path))
	}
	f, err := dicom.Open(path)
	if err != nil {
		o.err = errPicture
		return
	}
	o.file = f
	im, err := pixel.Open(f, pixel.MaxFrameBytes(maxFrame))
	if err != nil || im.Rows != pic.Rows || im.Columns != pic.Columns || im.Frames != pic.Frames || f.DataSet.String(tag.SOPInstanceUID) != pic.SOP {
		o.err = errPicture
		return
	}
	o.image = im
}

// release lets go of a picture, and of those that were not used for the longest time where there are too many.
func (p *pictures) release(digest string, o *picture) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.users--
	if o.err != nil && p.open[digest] == o && o.users == 0 { // the next one tries anew
		delete(p.open, digest)
		_ = o.close()
	}
	for len(p.open) > maxOpen {
		var oldest string
		for d, c := range p.open {
			if c.users == 0 && (oldest == "" || c.used < p.open[oldest].used) {
				oldest = d
			}
		}
		if oldest == "" {
			return
		}
		_ = p.open[oldest].close()
		delete(p.open, oldest)
	}
	if p.closed && o.users == 0 {
		_ = o.close()
	}
}

func (o *picture) close() error {
	if o.file == nil {
		return nil
	}
	f := o.file
	o.file = nil
	return f.Close()
}

// closeAll lets go of every file that nobody uses now; the others go when they are given back.
func (p *pictures) closeAll() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for d, o := range p.open {
		if o.users == 0 {
			errs = append(errs, o.close())
			delete(p.open, d)
		}
	}
	return errors.Join(errs...)
}
