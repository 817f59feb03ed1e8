package web

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
)

// message is a multipart message; each part is a Content-Type, a location or "", and a body.
func message(kind string, list ...[3]string) (contentType string, body []byte) {
	var b bytes.Buffer
	w := newRelatedWriter(&b, kind)
	for _, p := range list {
		pw, _ := w.part(p[0], p[1])
		io.WriteString(pw, p[2])
	}
	w.close()
	return w.contentType(), b.Bytes()
}

func post(t testing.TB, url, contentType string, body io.Reader) (int, string, http.Header) {
	t.Helper()
	resp, err := http.Post(url, contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func dcm(b []byte) [3]string { return [3]string{typeDICOM, "", string(b)} }

func TestStoring(t *testing.T) {
	m := &memory{}
	srv, _ := serving(t, m, Options{MaxFile: 1 << 20})
	url := srv.URL + "/dicom-web/studies"
	a, b := image3(t, "1.2.3.1", 1, uid.ExplicitVRLittleEndian, nil), image3(t, "1.2.3.2", 1, uid.ImplicitVRLittleEndian, nil)
	other := image3(t, "1.2.3.1", 1, uid.ExplicitVRLittleEndian, func(ds *dicom.DataSet) { ds.SetString(tag.PatientName, "Other") })
	large := image3(t, "1.2.3.9", 60_000, uid.ExplicitVRLittleEndian, nil)
	ok := `"00081199":{"vr":"SQ"`
	failed := `"00081198":{"vr":"SQ"`
	for _, c := range []struct {
		name, path, kind string
		parts            [][3]string
		status           int
		has, hasNot      string
	}{
		{"two", "", typeDICOM, [][3]string{dcm(a), dcm(b)}, 200, ok, failed},
		{"again", "", typeDICOM, [][3]string{dcm(a)}, 200, ok, failed},
		{"other content", "", typeDICOM, [][3]string{dcm(other)}, 202, `"00081196":{"vr":"US","Value":[45056]}`, failed},
		{"of its study", "/1.2", typeDICOM, [][3]string{dcm(a)}, 200, ok, failed},
		{"of another study", "/1.9", typeDICOM, [][3]string{dcm(a)}, 409, `"00081197":{"vr":"US","Value":[43264]}`, ok},
		{"garbage", "", typeDICOM, [][3]string{dcm([]byte("garbage"))}, 409, `"0008119A":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[49152]}}]}`, ok},
		{"garbage and good", "", typeDICOM, [][3]string{dcm([]byte("garbage")), dcm(a)}, 202, ok, failed},
		{"cut short and good", "", typeDICOM, [][3]string{dcm(b[:len(b)-5]), dcm(a)}, 202, ok, "nothing"},
		{"another kind of part", "", typeDICOM, [][3]string{{"text/plain", "", "hello"}, dcm(a)}, 202, ok, failed},
		{"too large", "", typeDICOM, [][3]string{dcm(large)}, 503, `"Value":[42752]`, ok},
		{"empty part", "", typeDICOM, [][3]string{dcm(nil)}, 409, `"00081197":{"vr":"US","Value":[49152]}`, ok},
		{"no parts", "", typeDICOM, nil, 400, "problem", ok},
		{"another kind of message", "", "application/zip", [][3]string{dcm(a)}, 415, "problem", ok},
	} {
		contentType, body := message(c.kind, c.parts...)
		for _, chunked := range []bool{false, true} {
			r := io.Reader(bytes.NewReader(body))
			if chunked {
				r = struct{ io.Reader }{r}
			}
			status, answer, h := post(t, url+c.path, contentType, r)
			if h.Get("Content-Type") == "application/problem+json" {
				answer = "problem " + answer
			}
			if status != c.status || !strings.Contains(answer, c.has) || strings.Contains(answer, c.hasNot) {
				t.Errorf("%s, chunked %t: %d %s", c.name, chunked, status, answer)
			}
			if strings.Contains(answer, "Doe") {
				t.Errorf("%s: the answer names the patient", c.name)
			}
		}
	}
	if len(m.files) != 2 || !bytes.Equal(m.files["1.2.3.1"], a) || !bytes.Equal(m.files["1.2.3.2"], b) {
		t.Errorf("%d files", len(m.files))
	}
	if status, answer, _ := post(t, url, typeDICOM, bytes.NewReader(a)); status != 200 || !strings.Contains(answer, ok) {
		t.Errorf("without wrapping: %d %s", status, answer)
	}
	for _, contentType := range []string{"", "text/plain", "multipart/related", `multipart/related; type="application/dicom"`, `multipart/form-data; boundary=x`} {
		if status, answer, _ := post(t, url, contentType, bytes.NewReader(a)); status != 400 && status != 415 {
			t.Errorf("%q: %d %s", contentType, status, answer)
		}
	}
}

// TestStoringBroken sends messages that end too early: what was whole is stored and said to be, nothing else is.
func TestStoringBroken(t *testing.T) {
	a, b := image3(t, "1.2.3.1", 1, uid.ExplicitVRLittleEndian, nil), image3(t, "1.2.3.2", 1, uid.ExplicitVRLittleEndian, nil)
	contentType, body := message(typeDICOM, dcm(a), dcm(b))
	for _, c := range []struct {
		cut, status, stored int
	}{
		{len(body) - 8, 202, 1}, {len(body) - len(b), 202, 1}, {len(a), 400, 0}, {60, 400, 0}, {0, 400, 0},
	} {
		m := &memory{}
		srv, _ := serving(t, m, Options{})
		status, answer, _ := post(t, srv.URL+"/dicom-web/studies", contentType, bytes.NewReader(body[:c.cut]))
		if status != c.status || len(m.files) != c.stored || strings.Contains(answer, `"00081199"`) != (c.stored > 0) {
			t.Errorf("cut at %d: %d, %d stored, %s", c.cut, status, len(m.files), answer)
		}
	}
}

func TestDiskFull(t *testing.T) {
	a := image3(t, "1.2.3.1", 1, uid.ExplicitVRLittleEndian, nil)
	m := &memory{room: 3*len(a) + len(a)/2}
	srv, c := serving(t, m, Options{})
	var list [][3]string
	for i := range 10 {
		list = append(list, dcm(image3(t, fmt.Sprintf("1.2.3.%d", i), 1, uid.ExplicitVRLittleEndian, nil)))
	}
	contentType, body := message(typeDICOM, list...)
	status, answer, _ := post(t, srv.URL+"/dicom-web/studies", contentType, bytes.NewReader(body))
	if status != 202 || len(m.files) != 3 || strings.Count(answer, `"00081197":{"vr":"US","Value":[42752]}`) != 7 || strings.Count(answer, `"00081190"`) != 4 {
		t.Errorf("%d, %d stored: %s", status, len(m.files), answer)
	}
	status, answer, h := post(t, srv.URL+"/dicom-web/studies", contentType, bytes.NewReader(body[:0:0]))
	_, _ = status, answer
	m.room = 1
	status, answer, h = post(t, srv.URL+"/dicom-web/studies", contentType, bytes.NewReader(body))
	if status != 503 || h.Get("Retry-After") == "" || strings.Contains(answer, `"00081199"`) {
		t.Errorf("full from the start: %d %s", status, answer)
	}
	res, err := c.Store(t.Context(), func(yield func(Upload, error) bool) {
		yield(Upload{Size: int64(len(a)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(a)), nil }}, nil)
	}, StoreOptions{})
	if err != nil || res.Failed != 1 {
		t.Errorf("the client sees %+v, %v", res, err)
	}
}

func TestStoringAtOnce(t *testing.T) {
	m := &memory{delay: time.Millisecond}
	srv, _ := serving(t, m, Options{MaxBody: 1 << 20})
	var wg sync.WaitGroup
	for k := range 6 {
		wg.Go(func() {
			var list [][3]string
			for i := range 60 { // more than wait at once, each in two requests
				list = append(list, dcm(image3(t, fmt.Sprintf("1.2.3.%d", (k/2)*100+i), 1, uid.ExplicitVRLittleEndian, nil)))
			}
			contentType, body := message(typeDICOM, list...)
			if status, answer, _ := post(t, srv.URL+"/dicom-web/studies", contentType, bytes.NewReader(body)); status != 200 || strings.Count(answer, `"00081155"`) != 60 {
				t.Errorf("%d: %.300s", status, answer)
			}
		})
	}
	wg.Wait()
	if len(m.files) != 180 {
		t.Errorf("%d stored", len(m.files))
	}
	contentType, body := message(typeDICOM, dcm(bytes.Repeat([]byte("x"), 2<<20)))
	for _, chunked := range []bool{false, true} {
		r := io.Reader(bytes.NewReader(body))
		if chunked {
			r = struct{ io.Reader }{r}
		}
		req, _ := http.NewRequest("POST", srv.URL+"/dicom-web/studies", r)
		req.Header.Set("Content-Type", contentType)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // the server may cut the connection of somebody who sends on
		}
		resp.Body.Close()
		if resp.StatusCode != 413 {
			t.Errorf("too large a request, chunked %t: %d", chunked, resp.StatusCode)
		}
	}
}

func TestStoringJSON(t *testing.T) {
	m := &memory{}
	srv, _ := serving(t, m, Options{})
	url := srv.URL + "/dicom-web/studies"
	meta := func(instance, pixels string) string {
		return fmt.Sprintf(`{"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},"00080018":{"vr":"UI","Value":["%s"]},"0020000D":{"vr":"UI","Value":["1.2"]},"0020000E":{"vr":"UI","Value":["1.2.3"]},
			"00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]},"00280002":{"vr":"US","Value":[1]},"00280004":{"vr":"CS","Value":["MONOCHROME2"]},"00280010":{"vr":"US","Value":[2]},"00280011":{"vr":"US","Value":[2]},
			"00280100":{"vr":"US","Value":[8]},"00280101":{"vr":"US","Value":[8]},"00280102":{"vr":"US","Value":[7]},"00280103":{"vr":"US","Value":[0]},"7FE00010":{"vr":"OB",%s}}`, instance, pixels)
	}
	json := func(s string) [3]string { return [3]string{typeJSON, "", s} }
	contentType, body := message(typeJSON, json("["+meta("1.2.3.1", `"BulkDataURI":"http://here/bulk/1"`)+","+meta("1.2.3.2", `"InlineBinary":"`+base64.StdEncoding.EncodeToString([]byte{5, 6, 7, 8})+`"`)+"]"),
		[3]string{typeBytes, "http://here/bulk/1", "\x01\x02\x03\x04"})
	status, answer, _ := post(t, url, contentType, bytes.NewReader(body))
	if status != 200 || strings.Count(answer, `"00081155"`) != 2 {
		t.Fatalf("%d %s", status, answer)
	}
	for instance, want := range map[string][]byte{"1.2.3.1": {1, 2, 3, 4}, "1.2.3.2": {5, 6, 7, 8}} {
		f, err := dicom.ReadBytes(m.files[instance], dicom.Strict())
		if err != nil || f.TransferSyntax != uid.ExplicitVRLittleEndian || f.DataSet.String(tag.PatientName) != "Doe^Jane" {
			t.Fatalf("%v", err)
		}
		im, err := pixel.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := im.Frame(0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, %v", instance, got, err)
		}
	}
	// Compressed: a part is a frame. RLE of 1 2 3 4: a header of 64 bytes, and one literal run.
	rle := "\x01\x00\x00\x00\x40\x00\x00\x00" + strings.Repeat("\x00", 56) + "\x03\x01\x02\x03\x04\x00"
	contentType, body = message(typeJSON, json("["+meta("1.2.3.3", `"BulkDataURI":"bulk/3"`)+"]"), [3]string{"image/dicom-rle", "bulk/3", rle})
	if status, answer, _ := post(t, url, contentType, bytes.NewReader(body)); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	f, err := dicom.ReadBytes(m.files["1.2.3.3"], dicom.Strict())
	if err != nil || f.TransferSyntax != uid.RLELossless {
		t.Fatalf("%v", err)
	}
	im, err := pixel.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := im.Frame(0); err != nil || !bytes.Equal(got, []byte{1, 2, 3, 4}) {
		t.Errorf("%v, %v", got, err)
	}
	for name, c := range map[string]struct {
		parts  [][3]string
		status int
	}{
		"no such part": {[][3]string{json("[" + meta("1.2.3.7", `"BulkDataURI":"bulk/7"`) + "]")}, 409},
		"no JSON":      {[][3]string{json("hello")}, 400},
		"no UIDs":      {[][3]string{json("[{}]")}, 409},
		"no objects":   {[][3]string{json("[]")}, 400},
		"one good":     {[][3]string{json("[{}," + meta("1.2.3.8", `"InlineBinary":"AQIDBA=="`) + "]")}, 202},
		"bad base64":   {[][3]string{json("[" + meta("1.2.3.9", `"InlineBinary":"!"`) + "]")}, 409},
		"no array":     {[][3]string{json(meta("1.2.3.10", `"InlineBinary":"AQIDBA=="`))}, 200},
		"numbers":      {[][3]string{json("[1,2]")}, 409},
	} {
		contentType, body := message(typeJSON, c.parts...)
		if status, answer, _ := post(t, url, contentType, bytes.NewReader(body)); status != c.status {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
}

func FuzzStore(f *testing.F) {
	a := image3(f, "1.2.3.1", 1, uid.ExplicitVRLittleEndian, nil)
	for _, kind := range []string{typeDICOM, typeJSON} {
		contentType, body := message(kind, dcm(a), [3]string{typeJSON, "", `[{"00080018":{"vr":"UI","Value":["1"]},"7FE00010":{"vr":"OW","BulkDataURI":"x"}}]`}, [3]string{typeBytes, "x", "1234"})
		f.Add(contentType, body)
		f.Add(contentType, body[:len(body)/2])
	}
	f.Add("multipart/related;type=application/dicom;boundary=x", []byte("--x\r\n\r\nDICM\r\n--x--"))
	f.Add(typeDICOM, a)
	server := NewServer(&memory{}, Options{MaxFile: 1 << 20})
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		b := &batch{s: server, ctx: t.Context(), slots: make(chan struct{}, storing)}
		_ = b.read(bytes.NewReader(body), contentType)
		b.running.Wait()
		for _, o := range b.outcomes {
			if o.failure == 0 && o.Instance == "" {
				t.Error("stored without a name")
			}
		}
	})
}

func FuzzMultipart(f *testing.F) {
	contentType, body := message(typeDICOM, dcm([]byte("one")), dcm([]byte("two")))
	f.Add(contentType, body)
	f.Add(`multipart/related; boundary="a b"`, []byte("preamble\r\n--a b\r\nContent-Type: x/y\r\nContent-Location: z\r\n\r\nbody\r\n--a b--\r\nepilogue"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		r, _, err := newRelatedReader(bytes.NewReader(body), contentType)
		if err != nil {
			return
		}
		total := 0
		for {
			p, err := r.next()
			if err != nil {
				return
			}
			p.Syntax()
			b, err := io.ReadAll(p)
			if total += len(b); total > len(body) {
				t.Error("more comes out than went in")
			}
			if err != nil {
				return
			}
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1"]}}]}}`))
	f.Add([]byte(`[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"x"}]}},{}]`))
	c, err := NewClient("http://127.0.0.1:1", ClientOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var res StoreResult
		n, err := c.receipts(&http.Response{Body: io.NopCloser(bytes.NewReader(b))}, StoreOptions{}, &res)
		if err == nil && n != res.Stored+res.Failed {
			t.Errorf("%d receipts, %+v", n, res)
		}
		_ = c.decodeArray(bytes.NewReader(b), func(*dicom.DataSet) bool { return true })
	})
}

// TestStoringLarge: parts that do not fit into what is read ahead, whole and cut off at every kind of place, with and without a buffer left.
func TestStoringLarge(t *testing.T) {
	large := image3(t, "1.2.3.1", 3*ahead/48, uid.ExplicitVRLittleEndian, nil)
	contentType, body := message(typeDICOM, dcm(large))
	start := bytes.Index(body, large)
	for _, buffers := range []bool{true, false} {
		if !buffers {
			var taken [][]byte
			for range aheadMost {
				taken = append(taken, <-aheadBuffers)
			}
			defer func() {
				for _, b := range taken {
					aheadBuffers <- b
				}
			}()
		}
		for _, cut := range []int{len(body), len(body) - 5, start + len(large), start + len(large) - 1, start + ahead, start + ahead + 1, start + ahead - 1, start + 10, start} {
			m := &memory{}
			srv, _ := serving(t, m, Options{})
			status, answer, _ := post(t, srv.URL+"/dicom-web/studies", contentType, bytes.NewReader(body[:cut]))
			whole := cut >= start+len(large)+4 // with as much of the boundary as tells that the part ends there
			if stored := len(m.files) == 1; stored != (status == 200 || status == 202) || stored && !bytes.Equal(m.files["1.2.3.1"], large) || cut == len(body) && status != 200 || !whole && stored {
				t.Errorf("buffers %t, %d of %d: %d %s", buffers, cut, len(body), status, answer)
			}
		}
	}
}
