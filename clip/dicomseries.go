package clip

import (
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// openDICOMSeries reads the single frames of one series as one clip. files may hold several series; then series names the wanted one.
func openDICOMSeries(files []string, frag fragment, cfg *readConfig) (*Clip, error) {
	type header struct {
		path, series string
		frames       int
		place        place
	}
	headers := make([]header, len(files))
	var g errgroup.Group
	g.SetLimit(cfg.workers)
	for i, path := range files {
		g.Go(func() error {
			if err := cfg.ctx.Err(); err != nil {
				return err
			}
			f, err := dicom.Open(path, dicom.StopBefore(tag.PixelData))
			if err != nil {
				return fault.New(fault.CodeOf(dicomError(err)), "%s: %w", filepath.Base(path), dicomError(err))
			}
			defer f.Close()
			ds := f.DataSet
			frames, _ := ds.Int(tag.NumberOfFrames)
			p := framePlaces(ds, 1)[0]
			p.number, _ = ds.Int(tag.InstanceNumber)
			if t, ok := ds.Float(tag.TriggerTime); ok {
				p.time = t
			}
			headers[i] = header{path, strings.TrimSpace(ds.String(tag.SeriesInstanceUID)), max(frames, 1), p}
			if _, ok := ds.Int(tag.Rows); !ok {
				headers[i].frames = 0 // a report or another object without pixels
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	headers = slices.DeleteFunc(headers, func(h header) bool { return h.frames == 0 })
	bySeries := map[string][]header{}
	var names []string
	for _, h := range headers {
		if bySeries[h.series] == nil {
			names = append(names, h.series)
		}
		bySeries[h.series] = append(bySeries[h.series], h)
	}
	series := frag.member
	switch {
	case len(headers) == 0:
		return nil, inputf("none of the folder's DICOM files has pixels")
	case series == "" && len(names) == 1:
		series = names[0]
	case bySeries[series] == nil:
		slices.Sort(names)
		return nil, fault.New(fault.Usage, "the folder holds %d series", len(names)).WithHint("name one: FOLDER#%s", strings.Join(names[:min(len(names), 5)], " or FOLDER#"))
	}
	members := bySeries[series]
	if len(members) == 1 {
		return openDICOM(members[0].path, fragment{index: frag.index}, cfg)
	}
	places := make([]place, len(members))
	for i, m := range members {
		if m.frames > 1 {
			return nil, inputf("the series holds %d files, of which %s has %d frames", len(members), filepath.Base(m.path), m.frames).
				WithHint("open multi-frame files one by one")
		}
		places[i] = m.place
	}
	order, geo, err := arrange(places, frag.index)
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(order))
	for i, k := range order {
		paths[i] = members[k].path
	}
	c, err := joinInstances(paths, cfg)
	if err != nil {
		return nil, err
	}
	geo.apply(c)
	return c, nil
}

// joinInstances decodes single-frame files into one clip.
func joinInstances(paths []string, cfg *readConfig) (*Clip, error) {
	frames := make([]*Clip, len(paths))
	digests := make([]string, len(paths))
	one := *cfg
	one.workers = 1
	read := func(i int) error {
		wrap := func(err error) error {
			return fault.New(fault.CodeOf(err), "frame %d, %s: %w", i, filepath.Base(paths[i]), err)
		}
		d, err := openInstance(paths[i], &one)
		if err != nil {
			return wrap(err)
		}
		defer d.file.Close()
		if frames[i], err = d.decode([]int{0}, &one); err != nil {
			return wrap(err)
		}
		if frames[i].Spacing.Row == 0 {
			frames[i].Spacing.Row, frames[i].Spacing.Column = d.pixelSpacing(frames[i])
		}
		digests[i], err = cfg.digest(paths[i])
		return err
	}
	if err := read(0); err != nil {
		return nil, err
	}
	f := frames[0]
	if err := cfg.checkSize(f.DType, len(paths), f.H, f.W, f.C); err != nil {
		return nil, err
	}
	var g errgroup.Group
	g.SetLimit(cfg.workers)
	for i := 1; i < len(paths); i++ {
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
	source := f.Source
	source.Instances, source.Tags = nil, commonTags(frames)
	source.Digest = digestOfDigests(digests)
	dt, channels := f.DType, f.C
	for i, c := range frames {
		if c.H != f.H || c.W != f.W {
			return nil, inputf("frame %d, %s, is %d×%d, the first one %d×%d", i, filepath.Base(paths[i]), c.W, c.H, f.W, f.H).
				WithHint("put images of one size in the folder")
		}
		if c.DType != dt {
			dt = widest(dt, c.DType)
		}
		channels = max(channels, c.C)
		source.Instances = append(source.Instances, c.Source.Instances...)
	}
	for i, c := range frames {
		if c.C < channels {
			c = threeChannels(c)
		}
		if c.DType != dt {
			c = converted(c, dt)
		}
		frames[i] = c
	}
	out := joinFrames(frames)
	out.Source, out.Photometric = source, frames[0].Photometric
	return out, nil
}

// commonTags keeps the facts that all frames share.
func commonTags(frames []*Clip) map[string]string {
	out := map[string]string{}
	for k, v := range frames[0].Source.Tags {
		same := k != tag.InstanceNumber.Keyword()
		for _, c := range frames {
			same = same && c.Source.Tags[k] == v
		}
		if same {
			out[k] = v
		}
	}
	return out
}

// widest is a type that holds the values of both.
func widest(a, b DType) DType {
	switch {
	case a == Float64 || b == Float64:
		return Float64
	case a == Float32 || b == Float32:
		return Float32
	}
	return Int32
}

// converted changes the sample type without scaling.
func converted(c *Clip, dt DType) *Clip {
	out := New(dt, c.T, c.H, c.W, c.C)
	x := make([]float32, c.T*c.H*c.W*c.C)
	scaleSamples(x, c, 1, 0)
	storeRounded(out, x)
	out.Photometric, out.Source, out.Spacing = c.Photometric, c.Source, c.Spacing
	return out
}
