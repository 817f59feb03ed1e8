package review

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"image"
	"image/jpeg"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	xdraw "golang.org/x/image/draw"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/pixels"
	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Group is the files that one device rule would match.
type Group struct {
	ID                                                   string
	Manufacturer, Model, Software, Modality, Class, Type string
	Rows, Columns                                        int
	Files                                                int
	Samples                                              []Sample
	paths                                                []string
}

// Sample is one examined file of a group.
type Sample struct {
	Verdict  string // blanked, untouched, held back
	Note     string // the reason or the doubt
	Rects    []image.Rectangle
	Outside  []image.Rectangle // what lies outside of the scanning sector, as runs of rows
	JPEG     []byte            // the middle frame, at most maxSide pixels
	Doubtful bool
	Examined int
}

const (
	samplesOf = 4   // files of a group that are examined
	maxSide   = 900 // pixels
)

// Title names a group for people.
func (g *Group) Title() string {
	who := strings.TrimSpace(g.Manufacturer + " " + g.Model)
	if who == "" {
		who = "Unnamed device"
	}
	return who
}

// Detail is the rest of what tells the group from others.
func (g *Group) Detail() string {
	parts := []string{g.Modality, fmt.Sprintf("%d × %d", g.Columns, g.Rows)}
	for _, s := range []string{strings.ReplaceAll(g.Type, `\`, " / "), g.Software} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " · ")
}

// Doubtful is how many samples a person should look at.
func (g *Group) Doubtful() int {
	n := 0
	for _, s := range g.Samples {
		if s.Doubtful {
			n++
		}
	}
	return n
}

// Rule is a device rule that matches the group's files.
func (g *Group) Rule() deid.DeviceRule {
	return deid.DeviceRule{Name: strings.TrimSpace(fmt.Sprintf("%s %s %dx%d", g.Title(), g.Modality, g.Columns, g.Rows)), Manufacturer: g.Manufacturer, Model: g.Model, Software: g.Software,
		Modality: g.Modality, SOPClass: g.Class, ImageType: g.Type, Rows: g.Rows, Columns: g.Columns}
}

// Survey groups the files under dir and examines samples. progress, which may be nil, is called with files seen and groups examined. Files that
// are not DICOM or have no pixels are passed over. Errors: not found, interrupted, and input where there is nothing to review.
func Survey(ctx context.Context, dir string, policy deid.PixelPolicy, progress func(done, total int)) ([]*Group, error) {
	groups := map[string]*Group{}
	var order []*Group
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fault.New(fault.NotFound, "%w", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if d.Type().IsRegular() {
			if g := describe(path); g != nil {
				if groups[g.ID] == nil {
					groups[g.ID] = g
					order = append(order, g)
				}
				have := groups[g.ID]
				have.Files++
				have.paths = append(have.paths, path)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(order) == 0 {
		return nil, fault.New(fault.Input, "no DICOM images in the folder")
	}
	for i, g := range order {
		if progress != nil {
			progress(i, len(order))
		}
		if err := g.examine(ctx, policy); err != nil {
			return nil, err
		}
	}
	// The doubtful first, then those with most files.
	slices.SortStableFunc(order, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(min(b.Doubtful(), 1), min(a.Doubtful(), 1)), cmp.Compare(b.Doubtful()*a.known(), a.Doubtful()*b.known()), cmp.Compare(b.Files, a.Files))
	})
	return order, nil
}

func (g *Group) known() int { return max(1, len(g.Samples)) }

// describe is the group of a file, nil for what has no pixels.
func describe(path string) *Group {
	f, err := dicom.Open(path, dicom.StopBefore(tag.PixelData))
	if err != nil {
		return nil
	}
	defer f.Close()
	ds := f.DataSet
	g := &Group{Manufacturer: ds.String(tag.Manufacturer), Model: ds.String(tag.ManufacturerModelName), Software: strings.Join(ds.Strings(tag.SoftwareVersions), `\`),
		Modality: ds.String(tag.Modality), Class: ds.String(tag.SOPClassUID), Type: strings.Join(ds.Strings(tag.ImageType), `\`)}
	var ok bool
	if g.Rows, ok = ds.Int(tag.Rows); !ok {
		return nil
	}
	if g.Columns, ok = ds.Int(tag.Columns); !ok {
		return nil
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%q %q %q %q %q %q %d %d", g.Manufacturer, g.Model, g.Software, g.Modality, g.Class, g.Type, g.Rows, g.Columns)
	g.ID = fmt.Sprintf("%016x", h.Sum64())
	return g
}

// examine looks at files spread over the group.
func (g *Group) examine(ctx context.Context, policy deid.PixelPolicy) error {
	n := min(samplesOf, len(g.paths))
	for i := range n {
		s, err := look(ctx, g.paths[i*len(g.paths)/n], policy)
		if err != nil {
			return err
		}
		g.Samples = append(g.Samples, s)
	}
	return nil
}

func look(ctx context.Context, path string, policy deid.PixelPolicy) (Sample, error) {
	f, err := dicom.Open(path)
	if err != nil {
		return Sample{Verdict: "held back", Note: "the file can't be read", Doubtful: true}, nil
	}
	defer f.Close()
	find, err := pixels.Examine(ctx, deid.MaskInput{File: f, Pixels: policy})
	if err != nil {
		return Sample{}, err
	}
	s := Sample{Examined: find.Examined, Note: cmp.Or(find.Reason, find.Doubt, find.Rule)}
	switch find.Verdict {
	case deid.Blanked:
		s.Verdict = "blanked"
	case deid.Untouched:
		s.Verdict = "untouched"
	default:
		s.Verdict = "held back"
	}
	s.Doubtful = find.Verdict == deid.Quarantine || find.Doubt != ""
	if find.Mask != nil {
		s.Outside = find.Mask.Rects(mask.Soft)
		for _, r := range find.Regions {
			if !strings.HasPrefix(r.Why, "outside") {
				s.Rects = append(s.Rects, image.Rect(r.X0, r.Y0, r.X1, r.Y1))
			}
		}
	}
	if find.Image != nil {
		if m, err := find.Image.Render(find.Image.Frames / 2); err == nil {
			s.JPEG, err = small(m)
			if err != nil {
				return Sample{}, err
			}
		}
	}
	return s, nil
}

// small is a picture for the page.
func small(m image.Image) ([]byte, error) {
	b := m.Bounds()
	if side := max(b.Dx(), b.Dy()); side > maxSide {
		dst := image.NewRGBA(image.Rect(0, 0, max(1, b.Dx()*maxSide/side), max(1, b.Dy()*maxSide/side)))
		xdraw.ApproxBiLinear.Scale(dst, dst.Bounds(), m, b, xdraw.Src, nil)
		m = dst
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 85})
	return out.Bytes(), err
}
