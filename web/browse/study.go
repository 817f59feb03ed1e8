package browse

import (
	"context"
	"net/http"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/fault"
)

// stack is one entry of the strip.
type stack struct {
	Path     string // of its JSON; "" for what has no pictures
	Thumb    string
	Modality string
	Title    string
	Detail   string
	Cine     bool
	File     string // of an object without pictures
}

func (p *Page) study(w http.ResponseWriter, r *http.Request) error {
	at := web.Resource{Study: r.PathValue("study")}
	if at.Check() != nil {
		return fault.New(fault.NotFound, "no such study")
	}
	q := web.Query{Level: web.Studies, Limit: 1}
	if err := q.Where("StudyInstanceUID", at.Study); err != nil {
		return err
	}
	page, err := p.backend.Search(r.Context(), q)
	if err != nil {
		return err
	}
	if len(page.Records) == 0 {
		return fault.New(fault.NotFound, "no such study")
	}
	info := rowOf(page.Records[0])
	stacks, err := p.stacks(r.Context(), at)
	if err != nil {
		return err
	}
	_, signed := signedIn(r)
	return p.render(w, "study.html", map[string]any{"Title": "Study", "Study": info, "Stacks": stacks, "DICOMweb": p.dicomweb, "SignedIn": signed})
}

// stacks groups the instances of a study as the viewer shows them.
func (p *Page) stacks(ctx context.Context, at web.Resource) ([]stack, error) {
	page, err := p.backend.Search(ctx, web.Query{Level: web.Instances, Within: at})
	if err != nil {
		return nil, err
	}
	var out []stack
	single := map[string]int{} // series → its stack of single frames
	counts := map[string]int{}
	for _, ds := range page.Records {
		series, instance := ds.String(tag.SeriesInstanceUID), ds.String(tag.SOPInstanceUID)
		r := web.Resource{Study: at.Study, Series: series, Instance: instance}
		if r.Check() != nil {
			continue
		}
		frames, _ := ds.Int(tag.NumberOfFrames)
		rows, _ := ds.Int(tag.Rows)
		s := stack{Modality: strings.TrimSpace(ds.String(tag.Modality)), Title: titleOf(ds), Detail: "series " + strings.TrimSpace(ds.String(tag.SeriesNumber))}
		if s.Detail == "series " {
			s.Detail = "series without a number"
		}
		switch {
		case rows == 0:
			s.File = p.dicomweb + "/" + r.Path() + "?accept=application/dicom%3Btransfer-syntax%3D*"
			s.Detail = kindOf(ds.String(tag.SOPClassUID))
			out = append(out, s)
		case frames > 1:
			s.Cine = true
			s.Path = "/stack/" + at.Study + "/" + series + "/" + instance
			s.Thumb = p.dicomweb + "/" + r.Path() + "/thumbnail?viewport=320,320"
			s.Detail += " · " + plural(frames, "frame")
			out = append(out, s)
		default:
			if i, ok := single[series]; ok {
				counts[series]++
				_ = i
				continue
			}
			single[series], counts[series] = len(out), 1
			s.Path = "/stack/" + at.Study + "/" + series
			s.Thumb = p.dicomweb + "/" + web.Resource{Study: at.Study, Series: series}.Path() + "/thumbnail?viewport=320,320"
			out = append(out, s)
		}
	}
	for series, i := range single {
		out[i].Detail += " · " + plural(counts[series], "image")
	}
	return out, nil
}

func titleOf(ds *dicom.DataSet) string {
	for _, t := range []tag.Tag{tag.SeriesDescription, tag.ProtocolName, tag.BodyPartExamined} {
		if s := strings.TrimSpace(ds.String(t)); s != "" {
			return s
		}
	}
	return kindOf(ds.String(tag.SOPClassUID))
}

// kindOf names a SOP class without the words that all of them have.
func kindOf(class string) string {
	in, ok := uid.Lookup(class)
	if !ok {
		return "object"
	}
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(in.Name, "Storage"), "Image Storage"))
}
