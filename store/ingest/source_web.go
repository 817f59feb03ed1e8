package ingest

import (
	"context"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/fault"
)

// webSource is what a DICOMweb service (PS3.18) gives for a search: dicomweb://host/path?StudyDate=20240101-&ModalitiesInStudy=US,
// dicomweb://host/path/studies/UID. Instances are asked for one by one, so that a run that was broken off goes on with the next one.
type webSource struct {
	client *web.Client
	place  string // dicomweb://host/path
	within web.Resource
	query  url.Values
	at     slots
}

// webWait is before the first repetition of a request; 0: the client's own choice. For tests.
var webWait time.Duration

func openWeb(_ context.Context, u *url.URL, access Access) (source, error) {
	base := *u
	base.User, base.RawQuery, base.Fragment = nil, "", ""
	s := &webSource{query: u.Query(), at: newSlots(access.AtOnce)}
	if root, rest, found := strings.Cut(base.Path, "/studies"); found {
		base.Path = root
		parts := strings.Split(strings.Trim(rest, "/"), "/")
		s.within.Study = parts[0]
		if len(parts) == 3 && parts[1] == "series" {
			s.within.Series = parts[2]
		}
		if err := s.within.Check(); err != nil || s.within.Study == "" || len(parts) != 1 && len(parts) != 3 {
			return nil, fault.New(fault.Usage, "a DICOMweb source is a service, a study or a series").WithHint("as dicomweb://host/dicom-web/studies/1.2.3")
		}
	}
	var err error
	opts := web.ClientOptions{Token: access.Token, User: access.User, Password: access.Password, Wait: webWait}
	if s.client, err = web.NewClient(base.String(), opts); err != nil {
		return nil, err
	}
	s.place = strings.TrimRight(base.String(), "/")
	return s, nil
}

func (s *webSource) origin() string {
	if p := s.within.Path(); p != "" {
		return s.place + "/" + p
	}
	return s.place
}

func (s *webSource) close() { s.client.Close() }

func (s *webSource) each(w *walker) error {
	if s.within.Study != "" {
		return s.instances(w, s.within)
	}
	q, err := web.ParseQuery(web.Studies, web.Resource{}, s.query)
	if err != nil {
		return err
	}
	for study, err := range s.client.Search(w.ctx, q) {
		if err != nil {
			return err
		}
		if err := s.instances(w, web.Resource{Study: study.String(tag.StudyInstanceUID)}); err != nil {
			return err
		}
	}
	return nil
}

func (s *webSource) instances(w *walker, within web.Resource) error {
	for in, err := range s.client.Search(w.ctx, web.Query{Level: web.Instances, Within: within}) {
		if err != nil {
			return err
		}
		at := web.Resource{Study: within.Study, Series: in.String(tag.SeriesInstanceUID), Instance: in.String(tag.SOPInstanceUID)}
		if at.Series == "" {
			at.Series = within.Series
		}
		it := item{origin: s.place + "/" + printable(at.Path()), name: at.Instance, uid: true}
		if err := at.Check(); err != nil {
			it.origin, it.err = s.place+"/"+within.Path(), fault.New(fault.Input, "the service names an instance without proper UIDs")
		}
		it.open = func(ctx context.Context) (io.ReadCloser, error) {
			return s.at.open(ctx, func(ctx context.Context) (io.ReadCloser, error) {
				o, err := s.client.Open(ctx, at, "")
				if err != nil {
					return nil, err
				}
				return o, nil
			})
		}
		if err := w.emit(it, false); err != nil {
			return err
		}
	}
	return nil
}
