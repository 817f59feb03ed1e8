package clip

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cineloop/cineloop/internal/fault"
)

// openSeries reads a folder whose files are the frames of one clip: DICOM files in the order of their geometry, or PNG and JPEG
// files in the natural order of their names. Hidden files and files of other kinds are passed over and noted.
func openSeries(dir string, frag fragment, cfg *readConfig) (*Clip, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var images, dicoms []string
	others := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !e.Type().IsRegular() && e.Type()&os.ModeSymlink == 0 {
			continue
		}
		path := filepath.Join(dir, e.Name())
		kind, err := sniffFile(path)
		if err != nil {
			others++
			continue
		}
		switch kind {
		case formatPNG, formatJPEG:
			images = append(images, path)
		case formatDICOM:
			if e.Name() != "DICOMDIR" {
				dicoms = append(dicoms, path)
			}
		default:
			others++
		}
	}
	var c *Clip
	switch {
	case len(images) > 0 && len(dicoms) > 0:
		return nil, inputf("the folder holds both images and DICOM files").WithHint("put each series in a folder of its own")
	case len(dicoms) > 0:
		c, err = openDICOMSeries(dicoms, frag, cfg)
	case frag.set:
		return nil, inputf("a folder of images has no series that %q could name", frag.String())
	case len(images) > 0:
		c, err = openImageSeries(images, cfg)
	default:
		return nil, fault.New(fault.NotFound, "the folder has no DICOM, PNG or JPEG files")
	}
	if err == nil && others > 0 {
		c.Source.Notes = append(c.Source.Notes, fmt.Sprintf("%d other files in the folder were passed over", others))
	}
	return c, err
}

// openImageSeries makes one clip of image files of one size and type. A series has no times: the files do not say them. When some
// frames have colour and others do not, all get three channels.
func openImageSeries(files []string, cfg *readConfig) (*Clip, error) {
	slices.SortFunc(files, func(a, b string) int {
		switch a, b = filepath.Base(a), filepath.Base(b); {
		case naturalLess(a, b):
			return -1
		case naturalLess(b, a):
			return 1
		}
		return 0
	})
	frames := make([]*Clip, len(files))
	read := func(i int) error {
		one := *cfg
		one.workers = 1
		c, err := openImage(files[i], &one)
		if err != nil {
			return fault.New(fault.CodeOf(err), "frame %d, %s: %w", i, filepath.Base(files[i]), err)
		}
		frames[i] = c
		return nil
	}
	if err := read(0); err != nil {
		return nil, err
	}
	first := frames[0]
	if err := cfg.checkSize(first.DType, len(files), first.H, first.W, 3); err != nil {
		return nil, err
	}
	var g errgroup.Group
	g.SetLimit(cfg.workers)
	for i := 1; i < len(files); i++ {
		g.Go(func() error {
			if err := cfg.ctx.Err(); err != nil {
				return err
			}
			return read(i)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	colour := false
	digests := make([]string, len(frames))
	for i, f := range frames {
		if f.H != first.H || f.W != first.W || f.DType != first.DType {
			return nil, inputf("frame %d, %s, is %d×%d %v; the first one, %s, is %d×%d %v", i, filepath.Base(files[i]), f.W, f.H, f.DType,
				filepath.Base(files[0]), first.W, first.H, first.DType).WithHint("put images of one size and depth in the folder")
		}
		colour = colour || f.C == 3
		digests[i] = f.Source.Digest
	}
	if colour {
		for i, f := range frames {
			if f.C == 1 {
				frames[i] = threeChannels(f)
			}
		}
	}
	c := joinFrames(frames)
	c.Source = Source{Format: first.Source.Format, Digest: digestOfDigests(digests), Notes: first.Source.Notes}
	return c, nil
}

// threeChannels repeats a grey 8- or 16-bit clip's samples.
func threeChannels(c *Clip) *Clip {
	out := New(c.DType, c.T, c.H, c.W, 3)
	out.Photometric = RGB
	n := c.DType.Size()
	for i := 0; i < len(c.Data); i += n {
		for k := range 3 {
			copy(out.Data[3*i+k*n:], c.Data[i:i+n])
		}
	}
	return out
}

// naturalLess orders names as people do: frame2 before frame10.
func naturalLess(a, b string) bool {
	for a != "" && b != "" {
		da, ra := cutDigits(a)
		db, rb := cutDigits(b)
		if da != "" && db != "" {
			na, nb := strings.TrimLeft(da, "0"), strings.TrimLeft(db, "0")
			if len(na) != len(nb) {
				return len(na) < len(nb)
			}
			if na != nb {
				return na < nb
			}
			if len(da) != len(db) {
				return len(da) < len(db)
			}
			a, b = ra, rb
			continue
		}
		if a[0] != b[0] {
			return a[0] < b[0]
		}
		a, b = a[1:], b[1:]
	}
	return len(a) < len(b)
}

func cutDigits(s string) (digits, rest string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}
