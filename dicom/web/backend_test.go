package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// memory is a backend in memory.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte // by SOP Instance UID
	list  []Instance

	room  int // bytes that still fit; 0: no limit
	delay time.Duration
	open  int // contents that are open
}

func (m *memory) add(t testing.TB, b []byte) Instance {
	t.Helper()
	if _, err := m.Store(context.Background(), bytes.NewReader(b), Storing{}); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list[len(m.list)-1]
}

func (m *memory) Search(_ context.Context, q Query) (Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*dicom.DataSet
	for _, in := range m.list {
		if q.Within.Study != "" && q.Within.Study != in.Study || q.Within.Series != "" && q.Within.Series != in.Series {
			continue
		}
		f, err := dicom.ReadBytes(m.files[in.Instance])
		if err != nil {
			return Page{}, err
		}
		ds, err := f.DataSet.Copy()
		if err != nil {
			return Page{}, err
		}
		ds.Delete(tag.PixelData)
		all = append(all, ds)
	}
	all = all[min(q.Offset, len(all)):]
	n := len(all)
	if q.Limit > 0 {
		n = min(n, q.Limit)
	}
	return Page{all[:n], len(all) - n}, nil
}

func (m *memory) List(_ context.Context, r Resource) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		m.mu.Lock()
		list := slices.Clone(m.list)
		m.mu.Unlock()
		for _, in := range list {
			if in.Study == r.Study && (r.Series == "" || in.Series == r.Series) && (r.Instance == "" || in.Instance == r.Instance) && !yield(in, nil) {
				return
			}
		}
	}
}

type memoryContent struct {
	*bytes.Reader
	m *memory
}

func (c memoryContent) Close() error {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.open--
	return nil
}

func (m *memory) Open(_ context.Context, in Instance) (Content, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.files[in.Instance]
	if !ok {
		return nil, fault.New(fault.NotFound, "gone")
	}
	m.open++
	return memoryContent{bytes.NewReader(b), m}, nil
}

func (m *memory) Store(ctx context.Context, r io.Reader, how Storing) (Stored, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return Stored{}, err
	}
	f, err := dicom.ReadBytes(b, dicom.Strict())
	if err != nil {
		return Stored{}, err
	}
	ds := f.DataSet
	out := Stored{Resource: Resource{ds.String(tag.StudyInstanceUID), ds.String(tag.SeriesInstanceUID), ds.String(tag.SOPInstanceUID)}, SOPClassUID: ds.String(tag.SOPClassUID)}
	if how.Study != "" && how.Study != out.Study {
		return out, ErrOtherStudy
	}
	select {
	case <-time.After(m.delay):
	case <-ctx.Done():
		return out, context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.room > 0 {
		if m.room -= len(b); m.room <= 0 {
			m.room = 1
			return out, fault.New(fault.Resource, "the disk is full")
		}
	}
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	if old, ok := m.files[out.Instance]; ok {
		out.Conflict = !bytes.Equal(old, b)
		return out, nil
	}
	m.files[out.Instance] = b
	m.list = append(m.list, Instance{Resource: out.Resource, SOPClassUID: out.SOPClassUID, Syntax: f.TransferSyntax, Size: int64(len(b)), Tag: fmt.Sprintf("v%d", len(b))})
	return out, nil
}

// serving is a server over a backend, with a client that does not wait long.
func serving(t testing.TB, m *memory, opts Options) (*httptest.Server, *Client) {
	t.Helper()
	srv := httptest.NewServer(NewServer(m, opts))
	c, err := NewClient(srv.URL+"/dicom-web", ClientOptions{Wait: time.Millisecond, HTTP: srv.Client()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); srv.Close() })
	return srv, c
}

// image is a small file with frames of 4 × 3 pixels of 16 bits whose samples count up.
func image3(t testing.TB, instance string, frames int, syntax dicom.TransferSyntax, more func(*dicom.DataSet)) []byte {
	t.Helper()
	ds := dicom.NewDataSet()
	for k, v := range map[tag.Tag]string{tag.SOPClassUID: uid.UltrasoundMultiFrameImageStorage, tag.StudyInstanceUID: "1.2", tag.SeriesInstanceUID: "1.2.3",
		tag.SOPInstanceUID: instance, tag.PhotometricInterpretation: "MONOCHROME2", tag.PatientName: "Doe^Jane", tag.Modality: "US"} {
		ds.SetString(k, v)
	}
	for k, v := range map[tag.Tag]int{tag.Rows: 3, tag.Columns: 4, tag.BitsAllocated: 16, tag.BitsStored: 12, tag.HighBit: 11, tag.PixelRepresentation: 0, tag.SamplesPerPixel: 1, tag.NumberOfFrames: frames} {
		ds.SetInts(k, v)
	}
	ds.SetFloats(tag.FrameTime, 40)
	px := make([]byte, 24*frames)
	for i := range len(px) / 2 {
		px[2*i], px[2*i+1] = byte(i), byte(i>>8)
	}
	ds.SetBytes(tag.PixelData, vr.OW, px)
	if more != nil {
		more(ds)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: string(syntax)}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
