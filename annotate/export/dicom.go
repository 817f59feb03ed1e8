package export

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/code"
	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
)

// Numbers of the series that results go into, beyond those that scanners use.
const (
	reportSeries       = 9101
	segmentationSeries = 9102
	presentationSeries = 9103
	captureSeries      = 9104
)

// program is who writes the files, and the device that measured.
var program = result.Device{UID: uid.Derive("cineloop", "program", version.Number), Name: "cineloop", Manufacturer: "Cineloop", Model: "cineloop", Serial: "0", Version: version.Number}

// images are the headers of a case's pictures, by their numbers from 1. A picture that is not the one that was read is an error of code conflict: results
// would name another.
func images(r *annotate.Records, c *annotate.Case) ([]result.Image, error) {
	var out []result.Image
	for i, p := range c.Images {
		f, err := dicom.Open(pathOf(r, p), dicom.StopBefore(tag.PixelData))
		if err != nil {
			return nil, fault.New(fault.NotFound, "picture %d of case %s can't be read any more", i+1, c.ID).WithHint("DICOM results need the headers of the pictures that were read")
		}
		header, err := f.DataSet.Detach()
		f.Close()
		if err != nil {
			return nil, fault.New(fault.Input, "the header of picture %d of case %s can't be read", i+1, c.ID)
		}
		im, err := result.ImageOf(header)
		if err != nil {
			return nil, fmt.Errorf("picture %d of case %s: %w", i+1, c.ID, err)
		}
		if im.SOP != p.SOP {
			return nil, fault.New(fault.Conflict, "picture %d of case %s is another one than was read", i+1, c.ID)
		}
		out = append(out, im)
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Input, "case %s has no pictures", c.ID)
	}
	return out, nil
}

// pathOf is where a picture's file is.
func pathOf(r *annotate.Records, p annotate.Picture) string {
	path := filepath.FromSlash(p.File)
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.Root, path)
	}
	return path
}

// made says which object a reading becomes. UIDs follow from the reading: a second export gives the same. A reading's reports, states and captures are a series each; every
// segmentation is one by itself, because viewers open the first of a series.
func made(r *annotate.Records, x *annotate.ReadingRecord, of result.Image, kind string, seriesNumber, number int, more string) result.Made {
	by := x.Reader
	if by == "" {
		by = x.Method
	}
	series := uid.Derive("cineloop", kind, "series", r.Name, x.ID, of.Study, more)
	if kind == "SEG" {
		series = uid.Derive("cineloop", kind, "series", r.Name, x.ID, of.SOP)
	}
	words := fmt.Sprintf("Reading by %s, %s", by, x.Arm)
	if more != "" {
		words += ": " + more
	}
	return result.Made{SOP: uid.Derive("cineloop", kind, r.Name, x.ID, of.SOP, more), Series: series,
		SeriesNumber: seriesNumber, Number: number, SeriesDescription: words, Label: "Reading by " + by, At: x.Locked, By: program}
}

// observers are a person by mask and what measured; or the model, or the rule, alone: of one kind there is one (TID 1001 of validators), and that this program wrote the file its
// equipment says.
func observers(r *annotate.Records, x *annotate.ReadingRecord) []result.Observer {
	switch {
	case x.Reader == "": // a rule
		d := program
		d.Name = x.Method
		return []result.Observer{{Device: d}}
	case x.AI:
		return []result.Observer{{Device: result.Device{UID: uid.Derive("cineloop", "reader", r.Name, x.Reader), Name: x.Reader}}}
	}
	return []result.Observer{{Person: x.Reader + "^"}, {Device: program}} // the mask as a family name
}

// concept is an item's code, or its name in this program's own scheme.
func concept(it *protocol.Item) code.Concept { return coded(it.Code, it.Name, it.Label) }

func coded(c protocol.Code, name, label string) code.Concept {
	if c.Value == "" || c.Scheme == "" {
		return result.Own(name, label)
	}
	return code.Concept{Scheme: c.Scheme, Value: c.Value, Meaning: c.Meaning}
}

func writeDICOM(w *folder, name string, ds *dicom.DataSet) error {
	return w.file(name, func(o io.Writer) error { return dicom.Write(o, ds, dicom.WriteOptions{}) })
}

// byReading calls do for every reading with its case and the headers of its pictures, which are read once a case.
func byReading(ctx context.Context, r *annotate.Records, do func(number int, x *annotate.ReadingRecord, c *annotate.Case, im []result.Image) error) error {
	seen := map[string][]result.Image{}
	for i := range r.Readings {
		x := &r.Readings[i]
		c := r.Case(x.Case)
		if c == nil {
			return fault.New(fault.Input, "reading %s is of no case", x.ID)
		}
		if seen[c.ID] == nil {
			im, err := images(r, c)
			if err != nil {
				return err
			}
			seen[c.ID] = im
		}
		if err := do(i+1, x, c, seen[c.ID]); err != nil {
			return fmt.Errorf("reading %s: %w", x.ID, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
