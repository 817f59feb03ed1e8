package ingest

import (
	"context"
	"io"
	"iter"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Peer is what a dimse:// source asks of a query/retrieve node (PS3.4 annex C), in the study root model.
type Peer interface {
	// Find gives the records of a level (STUDY, SERIES or IMAGE) that match. Keys with empty values are asked to be returned.
	Find(ctx context.Context, level string, keys *dicom.DataSet) iter.Seq2[*dicom.DataSet, error]
	// Retrieve has instances sent here, by C-GET or C-MOVE. Take reads each, a whole Part 10 file, before it returns; its error ends the
	// retrieval. Instances that the peer could not send are not an error.
	Retrieve(ctx context.Context, b Batch, take func(sopInstanceUID string, file io.Reader) error) error
	Close() error
}

// Batch is some instances of one series, with the SOP classes that they have as far as the peer said.
type Batch struct {
	Study, Series string
	Instances     []string
	Classes       []string
}

// PeerAddress is who is asked, and who asks.
type PeerAddress struct {
	Host   string // host:port
	Called string // the peer's application entity title
	Access
}

// DialPeer opens a peer; tests have their own.
var DialPeer = dialNode

// dimseSource is what a query/retrieve node has for a search: dimse://AET@host:port?StudyDate=20240101-&ModalitiesInStudy=US, or
// dimse://AET@host:port/studyUID or /studyUID/seriesUID. It asks for lists first, and then only for the instances that no earlier run
// dealt with.
type dimseSource struct {
	peer   Peer
	place  string // dimse://AET@host:port
	study  string
	series string
	query  url.Values
}

func openDIMSE(ctx context.Context, u *url.URL, access Access) (source, error) {
	called := u.User.Username()
	if called == "" || len(called) > 16 {
		return nil, fault.New(fault.Usage, "a DIMSE source needs the peer's AE title, of up to 16 characters").WithHint("as dimse://PACS@host:104")
	}
	host := u.Host
	if u.Port() == "" {
		host += ":104"
	}
	s := &dimseSource{place: "dimse://" + called + "@" + host, query: u.Query()}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) > 2 {
		return nil, fault.New(fault.Usage, "a DIMSE source is a node, a study or a series").WithHint("as dimse://PACS@host:104/studyUID/seriesUID")
	}
	s.study = parts[0]
	if len(parts) == 2 {
		s.series = parts[1]
	}
	if _, err := s.keys(); err != nil {
		return nil, err
	}
	if access.AET == "" {
		access.AET = "CINELOOP"
	}
	var err error
	s.peer, err = DialPeer(ctx, PeerAddress{Host: host, Called: called, Access: access})
	return s, err
}

// keys are the conditions of the search.
func (s *dimseSource) keys() (*dicom.DataSet, error) {
	ds := dicom.NewDataSet()
	for k, values := range s.query {
		t, ok := tag.ByKeyword(k)
		if !ok {
			return nil, fault.New(fault.Usage, "the source's address asks for %q, which is no DICOM keyword", k)
		}
		// As bytes: a range or a wildcard is no value of its VR.
		text := strings.Join(values, `\`)
		if strings.IndexFunc(text, func(r rune) bool { return r > 126 }) >= 0 {
			ds.SetString(tag.SpecificCharacterSet, "ISO_IR 192")
		}
		if len(text)%2 == 1 {
			text += " "
		}
		ds.SetBytes(t, t.VR(), []byte(text))
	}
	ds.SetString(tag.StudyInstanceUID, s.study)
	return ds, nil
}

func (s *dimseSource) origin() string {
	return strings.TrimRight(s.place+"/"+path.Join(s.study, s.series), "/")
}

func (s *dimseSource) close() { s.peer.Close() }

func (s *dimseSource) each(w *walker) error {
	if s.study != "" {
		return s.oneStudy(w, s.study)
	}
	keys, err := s.keys()
	if err != nil {
		return err
	}
	studies, err := s.list(w.ctx, "STUDY", tag.StudyInstanceUID, keys)
	for _, uid := range studies {
		if err == nil {
			err = s.oneStudy(w, uid)
		}
	}
	return err
}

// list finds the UIDs of a level.
func (s *dimseSource) list(ctx context.Context, level string, key tag.Tag, keys *dicom.DataSet) (uids []string, err error) {
	for ds, err := range s.peer.Find(ctx, level, keys) {
		if err != nil {
			return nil, err
		}
		if uid := ds.String(key); uid != "" {
			uids = append(uids, uid)
		}
	}
	return uids, nil
}

func (s *dimseSource) oneStudy(w *walker, study string) error {
	all := []string{s.series}
	if s.series == "" || s.study != study {
		keys := dicom.NewDataSet()
		keys.SetString(tag.StudyInstanceUID, study)
		keys.SetString(tag.SeriesInstanceUID, "")
		var err error
		if all, err = s.list(w.ctx, "SERIES", tag.SeriesInstanceUID, keys); err != nil {
			return err
		}
	}
	for _, series := range all {
		if err := s.oneSeries(w, study, series); err != nil {
			return err
		}
	}
	return nil
}

// atOnce is how many instances one request names: a list of UIDs may not grow without limit.
const atOnce = 100

func (s *dimseSource) oneSeries(w *walker, study, series string) error {
	keys := dicom.NewDataSet()
	keys.SetString(tag.StudyInstanceUID, study)
	keys.SetString(tag.SeriesInstanceUID, series)
	keys.SetString(tag.SOPInstanceUID, "")
	keys.SetString(tag.SOPClassUID, "")
	var uids, classes []string
	for ds, err := range s.peer.Find(w.ctx, "IMAGE", keys) {
		if err != nil {
			return err
		}
		if uid := ds.String(tag.SOPInstanceUID); uid != "" {
			uids = append(uids, uid)
		}
		if class := ds.String(tag.SOPClassUID); class != "" && !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
	}
	at := func(uid string) item {
		return item{origin: s.place + "/" + printable(path.Join(study, series, uid)), name: uid, size: -1, uid: true}
	}
	var want []string
	for _, uid := range uids {
		it := at(uid)
		if !w.known(it) {
			want = append(want, uid)
			continue
		}
		if err := w.emit(it, false); err != nil { // it is counted, not read
			return err
		}
	}
	for len(want) > 0 {
		some := want[:min(len(want), atOnce)]
		want = want[len(some):]
		came := map[string]bool{}
		err := s.peer.Retrieve(w.ctx, Batch{study, series, some, classes}, func(uid string, file io.Reader) error {
			came[uid] = true
			return w.stream(at(uid), file, 0)
		})
		if err != nil {
			return err
		}
		for _, uid := range some {
			if came[uid] {
				continue
			}
			it := at(uid)
			it.err = fault.New(fault.Input, "the peer lists the instance and does not send it")
			if err := w.emit(it, false); err != nil {
				return err
			}
		}
	}
	return nil
}
