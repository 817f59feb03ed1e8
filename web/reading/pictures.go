package reading

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	maxOpen  = 64        // files
	maxFrame = 256 << 20 // bytes of one frame
)

// pictures keeps files open that are being looked at, for each assignment by itself: where one file served all, the first frame would come
// sooner to a reader whose case somebody else has open, or who had it before under another assignment.
type pictures struct {
	root  string
	loads atomic.Int64 // files opened

	mu     sync.Mutex
	open   map[string]*picture // by assignment and digest
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

// with gives a picture of an assignment to use.
func (p *pictures) with(assignment string, pic annotate.Picture, use func(*pixel.Image) error) error {
	key := assignment + "/" + pic.Digest
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return errPicture
	}
	o := p.open[key]
	if o == nil {
		if p.open == nil {
			p.open = map[string]*picture{}
		}
		o = &picture{}
		p.open[key] = o
	}
	o.users++
	p.tick++
	o.used = p.tick
	p.mu.Unlock()
	defer p.release(key, o)

	o.once.Do(func() {
		p.loads.Add(1)
		o.load(p.root, pic)
	})
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
func (p *pictures) release(key string, o *picture) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.users--
	if o.err != nil && p.open[key] == o && o.users == 0 { // the next one tries anew
		delete(p.open, key)
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
