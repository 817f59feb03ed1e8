package intake

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Settings say how files are read.
type Settings struct {
	Which
	Items    map[string]string // what a file calls it (tracking identifier, scheme:code, meaning, label, category, "tracings") to the item's name
	Pictures io.Reader         // a table, or nil: see [Pictures.Table]
	From     string            // of a file with several readers' answers: the one that is meant, as the file names them
	Inside   float64           // share of the greatest fraction from which a pixel is inside; default 0.5
}

// Reader collects answers from files.
type Reader struct {
	project  *annotate.Project
	who      string
	proto    *protocol.Protocol
	pictures *Pictures
	set      Settings

	files   int
	name    string // of the file under way
	found   []found
	refused []Refused
	passed  int
}

// NewReader is one for the member's readings. Codes: notfound (no such member, no protocol), usage (an item that there is not).
func NewReader(p *annotate.Project, who string, set Settings) (*Reader, error) {
	proto, err := p.Protocol(who)
	if err != nil {
		return nil, err
	}
	for _, name := range set.Items {
		if proto.Item(name) == nil {
			return nil, fault.New(fault.Usage, "the protocol has no item %s that something could be mapped to", name)
		}
	}
	if set.Inside == 0 {
		set.Inside = 0.5
	}
	if !(set.Inside > 0) || set.Inside > 1 {
		return nil, fault.New(fault.Usage, "a pixel is inside from a share above 0 and up to 1 of the greatest fraction")
	}
	pictures, err := PicturesOf(p, who, set.Which)
	if err != nil {
		return nil, err
	}
	if set.Pictures != nil {
		if err := pictures.Table(set.Pictures); err != nil {
			return nil, err
		}
	}
	return &Reader{project: p, who: who, proto: proto, pictures: pictures, set: set}, nil
}

// maxFile bounds a JSON file or a table.
const maxFile = 1 << 30

// Path reads a file, or all files of a folder that are of a kind that is read. A file that was named and is of no such kind is an error of code input; in a folder it is
// passed over.
func (r *Reader) Path(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fault.New(fault.NotFound, "there is no %s", filepath.Base(path))
	}
	if !info.IsDir() {
		_, err := r.file(path, filepath.Base(path))
		return err
	}
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || !d.Type().IsRegular() || d.Name() == "manifest.json" {
			return err
		}
		name, err := filepath.Rel(path, p)
		if err != nil {
			return err
		}
		known, err := r.file(p, filepath.ToSlash(name))
		if err != nil && known { // one bad file costs nothing but itself
			r.refuse("", Key{}, err)
			return nil
		}
		if err != nil && fault.CodeOf(err) != fault.Input {
			return err
		}
		return nil
	})
}

// file reads one file by what it begins with. known is false where it is of no kind that is read.
func (r *Reader) file(path, name string) (known bool, err error) {
	r.name = name
	f, err := os.Open(path)
	if err != nil {
		return false, fault.New(fault.NotFound, "%s can't be opened", name)
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false, fault.New(fault.Input, "%s can't be read", name)
	}
	head = head[:n]
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, fault.New(fault.Input, "%s can't be read", name)
	}
	in := io.LimitReader(f, maxFile)
	text := strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n")
	switch {
	case len(head) > 132 && string(head[128:132]) == "DICM":
		return r.dicom(path, name)
	case strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["):
		return true, r.COCO(name, in)
	}
	first, _, _ := strings.Cut(text, "\n")
	columns, err := csv.NewReader(strings.NewReader(first)).Read()
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	switch {
	case err != nil:
	case slices.Contains(columns, "X1") && slices.Contains(columns, "FileName"):
		return true, r.Tracings(name, in)
	case slices.Contains(columns, "file") || slices.Contains(columns, "item") || strings.HasSuffix(strings.ToLower(name), ".csv"):
		return true, r.CSV(name, in)
	}
	return false, fault.New(fault.Input, "%s is of no kind that is read", name).WithHint("DICOM reports and segmentations, COCO's JSON, tables, VolumeTracings")
}

// dicom reads a report or a segmentation.
func (r *Reader) dicom(path, name string) (known bool, err error) {
	f, err := dicom.Open(path)
	if err != nil {
		return true, fault.New(fault.Input, "%s can't be read as DICOM", name)
	}
	defer f.Close()
	switch f.DataSet.String(tag.Modality) {
	case "SR":
		return true, r.Report(name, f.DataSet)
	case "SEG":
		return true, r.Segmentation(name, f.DataSet)
	}
	return false, fault.New(fault.Input, "%s is neither a structured report nor a segmentation", name)
}

// begin is called once a file.
func (r *Reader) begin(name string) { r.files, r.name = r.files+1, name }

// at is where an item stands, in words.
func (r *Reader) at(item string) string {
	if item == "" {
		return r.name
	}
	return r.name + ", " + item
}

func (r *Reader) refuse(item string, k Key, err error) {
	r.refused = append(r.refused, Refused{Where: r.at(item), Reason: err.Error(), key: k, file: r.files})
}

// keep notes an answer that was found.
func (r *Reader) keep(item string, at place, a annotate.Answer, claims ...claim) {
	r.found = append(r.found, found{where: r.at(item), file: r.files, at: at, answer: a, claims: claims})
}

// item is what the first of the names that means one means: by the settings, by the item's own name, its code (scheme:value), its label; of those that fit.
func (r *Reader) item(fits func(*protocol.Item) bool, names ...string) *protocol.Item {
	for _, n := range names {
		if to, ok := r.set.Items[n]; ok && n != "" {
			if it := r.proto.Item(to); fits(it) {
				return it
			}
		}
	}
	for _, same := range []func(it *protocol.Item, n string) bool{
		func(it *protocol.Item, n string) bool { return it.Name == n },
		func(it *protocol.Item, n string) bool {
			return it.Code.Value != "" && it.Code.Scheme+":"+it.Code.Value == n
		},
		func(it *protocol.Item, n string) bool {
			return strings.EqualFold(it.Label, n) || strings.EqualFold(it.Name, n)
		},
	} {
		for _, n := range names {
			for i := range r.proto.Items {
				if it := &r.proto.Items[i]; n != "" && fits(it) && same(it, n) {
					return it
				}
			}
		}
	}
	return nil
}

// errNoItem is the reason where nothing of the protocol is meant.
func errNoItem() error {
	return fault.New(fault.Input, "no item of the protocol is called so").WithHint("map its name to an item")
}
