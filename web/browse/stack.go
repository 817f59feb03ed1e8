package browse

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/fault"
)

// stackInfo is what the viewer needs to show a stack.
type stackInfo struct {
	Base     string     `json:"base"` // of the DICOMweb service
	Images   []imageRef `json:"images"`
	Rows     int        `json:"rows"`
	Columns  int        `json:"columns"`
	Color    bool       `json:"color"`
	Cine     bool       `json:"cine"`
	Times    []float64  `json:"times"`    // ms since the first frame; null where the file doesn't say
	Duration float64    `json:"duration"` // of one turn of the loop, ms
	Windows  []window   `json:"windows"`
	Modality string     `json:"modality"`
	Problem  string     `json:"problem,omitempty"` // why there are no pictures
}

type imageRef struct {
	Path   string `json:"path"`
	Frames int    `json:"frames"`
}

type window struct {
	Name   string  `json:"name"`
	Center float64 `json:"center"`
	Width  float64 `json:"width"`
}

// stackOf answers with a stack's JSON.
func (p *Page) stackOf(w http.ResponseWriter, r *http.Request) error {
	at := web.Resource{Study: r.PathValue("study"), Series: r.PathValue("series"), Instance: r.PathValue("instance")}
	if at.Check() != nil {
		return fault.New(fault.NotFound, "no such stack")
	}
	page, err := p.backend.Search(r.Context(), web.Query{Level: web.Instances, Within: at})
	if err != nil {
		return err
	}
	info := stackInfo{Base: p.dicomweb + "/"}
	var first web.Resource
	for _, ds := range page.Records {
		res := web.Resource{Study: at.Study, Series: at.Series, Instance: ds.String(tag.SOPInstanceUID)}
		frames, _ := ds.Int(tag.NumberOfFrames)
		rows, _ := ds.Int(tag.Rows)
		if res.Check() != nil || rows == 0 || at.Instance == "" && frames > 1 || at.Instance != "" && at.Instance != res.Instance {
			continue
		}
		if first.Study == "" {
			first = res
			info.Modality = strings.TrimSpace(ds.String(tag.Modality))
		}
		info.Images = append(info.Images, imageRef{res.Path(), max(frames, 1)})
	}
	if len(info.Images) == 0 {
		return fault.New(fault.NotFound, "no such stack")
	}
	if err := p.look(r.Context(), first, &info); err != nil {
		if r.Context().Err() != nil {
			return err
		}
		info.Problem = "These pictures can't be decoded here: " + err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(info)
}

// look reads what the headers of the first image say about all of them.
func (p *Page) look(ctx context.Context, at web.Resource, info *stackInfo) error {
	for in, err := range p.backend.List(ctx, at) {
		if err != nil {
			return err
		}
		content, err := p.backend.Open(ctx, in)
		if err != nil {
			return err
		}
		defer content.Close()
		f, err := dicom.Read(content, content.Size())
		if err != nil {
			return err
		}
		im, err := pixel.Open(f)
		if err != nil {
			return err
		}
		info.Rows, info.Columns, info.Color, info.Cine = im.Rows, im.Columns, im.IsColor(), im.Frames > 1
		if len(info.Images) == 1 {
			info.Images[0].Frames = im.Frames
		}
		if t := im.TimesMS(); len(t) > 1 {
			info.Times = t
			last := t[len(t)-1]
			info.Duration = last + last/float64(len(t)-1)
		}
		return info.windows(im)
	}
	return fault.New(fault.NotFound, "no such stack")
}

// windows are those of the file, or the range of the first frame's values.
func (info *stackInfo) windows(im *pixel.Image) error {
	if info.Color {
		return nil
	}
	ds := im.DataSet()
	if g := im.Group(0, tag.FrameVOILUTSequence); g != nil {
		ds = g
	}
	centers, widths, names := ds.Floats(tag.WindowCenter), ds.Floats(tag.WindowWidth), ds.Strings(tag.WindowCenterWidthExplanation)
	for i := range min(len(centers), len(widths)) {
		if !(widths[i] > 0) {
			continue
		}
		w := window{Name: "as stored", Center: centers[i], Width: widths[i]}
		if i < len(names) && strings.TrimSpace(names[i]) != "" {
			w.Name = strings.TrimSpace(names[i])
		}
		info.Windows = append(info.Windows, w)
	}
	if len(info.Windows) > 0 {
		return nil
	}
	values, err := im.Values(0)
	if err != nil {
		return err
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if hi > lo {
		info.Windows = append(info.Windows, window{"full range", (lo + hi) / 2, hi - lo})
	}
	return nil
}
