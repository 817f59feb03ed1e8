package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// get asks and reads everything.
func get(t testing.TB, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}

// parts are the parts of a multipart answer.
func parts(t testing.TB, resp *http.Response, b []byte) (bodies [][]byte, types []string) {
	t.Helper()
	r, _, err := newRelatedReader(bytes.NewReader(b), resp.Header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("%v: %.200s", err, b)
	}
	for {
		p, err := r.next()
		if err == io.EOF {
			return bodies, types
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		bodies, types = append(bodies, body), append(types, p.ContentType)
	}
}

func TestRetrieving(t *testing.T) {
	m := &memory{}
	file := image3(t, "1.2.3.4", 5, uid.ExplicitVRLittleEndian, nil)
	in := m.add(t, file)
	second := image3(t, "1.2.3.5", 1, uid.ImplicitVRLittleEndian, nil)
	m.add(t, second)
	srv, _ := serving(t, m, Options{})
	base := srv.URL + "/dicom-web/"
	at := base + in.Path()

	resp, b := get(t, at, "Accept", "application/dicom")
	if resp.StatusCode != 200 || !bytes.Equal(b, file) || resp.Header.Get("Content-Type") != "application/dicom; transfer-syntax=1.2.840.10008.1.2.1" {
		t.Errorf("single part: %d %v", resp.StatusCode, resp.Header)
	}
	etag := resp.Header.Get("ETag")
	if resp, _ := get(t, at, "Accept", "application/dicom", "If-None-Match", etag); resp.StatusCode != 304 || etag == "" {
		t.Errorf("unchanged: %d", resp.StatusCode)
	}
	resp, b = get(t, at, "Accept", "application/dicom", "Range", "bytes=100-149")
	if resp.StatusCode != 206 || !bytes.Equal(b, file[100:150]) || resp.Header.Get("Content-Range") != fmt.Sprintf("bytes 100-149/%d", len(file)) {
		t.Errorf("range: %d %v", resp.StatusCode, resp.Header)
	}
	if resp, _ := get(t, at, "Accept", "application/dicom", "Range", "bytes=99999999-"); resp.StatusCode != 416 {
		t.Errorf("range past the end: %d", resp.StatusCode)
	}
	resp, b = get(t, base+"studies/1.2", "Accept", `multipart/related; type="application/dicom"; transfer-syntax=*`)
	if bodies, types := parts(t, resp, b); len(bodies) != 2 || !bytes.Equal(bodies[0], file) || !bytes.Equal(bodies[1], second) || types[1] != "application/dicom; transfer-syntax=1.2.840.10008.1.2" {
		t.Errorf("study as stored: %d parts %v", len(bodies), types)
	}
	resp, b = get(t, base+"studies/1.2/series/1.2.3")
	if bodies, types := parts(t, resp, b); len(bodies) != 2 || types[1] != "application/dicom; transfer-syntax=1.2.840.10008.1.2.1" || bytes.Equal(bodies[1], second) {
		t.Errorf("series without words: %v", types)
	} else if f, err := dicom.ReadBytes(bodies[1]); err != nil || f.TransferSyntax != uid.ExplicitVRLittleEndian {
		t.Errorf("%v", err)
	}
	resp, b = get(t, base+"studies/1.2?accept=multipart/related%3Btype=%22application/dicom%22%3Btransfer-syntax=1.2.840.10008.1.2.4.80")
	if bodies, _ := parts(t, resp, b); len(bodies) != 2 {
		t.Errorf("JPEG-LS: %d parts", len(bodies))
	} else if f, err := dicom.ReadBytes(bodies[0]); err != nil || f.TransferSyntax != uid.JPEGLSLossless {
		t.Errorf("%v", err)
	}
	for url, want := range map[string]int{
		base + "studies/9.9": 404, base + "studies/1.2/series/9": 404, at + "x": 400, base + "studies/..%2Fx": 400, base + "nothing": 404, base + "studies/1.2/": 404,
	} {
		if resp, _ := get(t, url); resp.StatusCode != want {
			t.Errorf("%s: %d", url, resp.StatusCode)
		}
	}
	for accept, want := range map[string]int{"text/html": 406, `multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.102`: 406, "application/dicom": 406} {
		if resp, b := get(t, base+"studies/1.2", "Accept", accept); resp.StatusCode != want || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d %s", accept, resp.StatusCode, b)
		}
	}
	if m.open != 0 {
		t.Errorf("%d contents stay open", m.open)
	}
}

func TestPartial(t *testing.T) {
	m := &memory{}
	m.add(t, image3(t, "1.2.3.4", 1, uid.ExplicitVRLittleEndian, nil))
	var b bytes.Buffer
	f, _ := dicom.ReadBytes(image3(t, "1.2.3.5", 1, uid.ExplicitVRLittleEndian, nil))
	if err := dicom.Write(&b, f.DataSet, dicom.WriteOptions{TransferSyntaxUID: uid.MPEG4HP41, Frames: [][]byte{[]byte("film")}}); err != nil {
		t.Fatal(err)
	}
	m.add(t, b.Bytes())
	srv, _ := serving(t, m, Options{})
	resp, body := get(t, srv.URL+"/dicom-web/studies/1.2", "Accept", `multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.5`)
	if bodies, _ := parts(t, resp, body); resp.StatusCode != 206 || len(bodies) != 1 {
		t.Errorf("%d, %d parts", resp.StatusCode, len(bodies))
	}
	resp, body = get(t, srv.URL+"/dicom-web/studies/1.2")
	if _, types := parts(t, resp, body); resp.StatusCode != 200 || len(types) != 2 || !strings.HasSuffix(types[1], uid.MPEG4HP41) {
		t.Errorf("%d, %v", resp.StatusCode, types)
	}
	resp, body = get(t, srv.URL+"/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.5/frames/1", "Accept", `multipart/related; type="video/mp4"`)
	if bodies, types := parts(t, resp, body); len(bodies) != 1 || string(bodies[0]) != "film" || types[0] != "video/mp4; transfer-syntax="+uid.MPEG4HP41 {
		t.Errorf("film: %v %q", types, bodies)
	}
}

func TestFrames(t *testing.T) {
	m := &memory{}
	native := image3(t, "1.2.3.4", 5, uid.ExplicitVRLittleEndian, nil)
	in := m.add(t, native)
	f, _ := dicom.ReadBytes(native)
	px := f.DataSet.Bytes(tag.PixelData)
	big := m.add(t, image3(t, "1.2.3.6", 2, uid.ExplicitVRBigEndian, nil))
	srv, _ := serving(t, m, Options{})
	at := srv.URL + "/dicom-web/" + in.Path()
	resp, b := get(t, at+"/frames/3,1")
	bodies, types := parts(t, resp, b)
	if len(bodies) != 2 || !bytes.Equal(bodies[0], px[48:72]) || !bytes.Equal(bodies[1], px[:24]) || types[0] != "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1" {
		t.Errorf("%v %v", types, bodies)
	}
	if resp, b := get(t, at+"/frames/2", "Accept", "application/octet-stream", "Range", "bytes=2-3"); resp.StatusCode != 206 || !bytes.Equal(b, px[26:28]) {
		t.Errorf("single part: %d %v", resp.StatusCode, b)
	}
	for path, want := range map[string]int{"/frames/6": 404, "/frames/0": 400, "/frames/a": 400, "/frames/1,2": 406} {
		if resp, _ := get(t, at+path, "Accept", "application/octet-stream"); resp.StatusCode != want {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	for _, kind := range []string{"image/jls", "image/dicom-rle", "image/jpeg"} {
		resp, b := get(t, at+"/frames/5,5", "Accept", `multipart/related; type="`+kind+`"`)
		bodies, types := parts(t, resp, b)
		if len(bodies) != 2 || !strings.HasPrefix(types[0], kind+"; transfer-syntax=1.2.840.10008.1.2.") || bytes.Equal(bodies[0], px[96:]) || !bytes.Equal(bodies[0], bodies[1]) {
			t.Errorf("%s: %v", kind, types)
		}
	}
	resp, b = get(t, srv.URL+"/dicom-web/"+big.Path()+"/frames/1")
	if bodies, _ := parts(t, resp, b); len(bodies) != 1 || !bytes.Equal(bodies[0], px[:24]) {
		t.Errorf("big endian: %v", bodies)
	}
}

func TestMetadataAndBulkData(t *testing.T) {
	m := &memory{}
	long := bytes.Repeat([]byte{1, 2}, 2000)
	in := m.add(t, image3(t, "1.2.3.4", 60, uid.ExplicitVRLittleEndian, func(ds *dicom.DataSet) {
		ds.SetString(tag.SpecificCharacterSet, "ISO_IR 100")
		ds.SetBytes(tag.PatientName, vr.PN, []byte("M\xfcller"))
		item, second := dicom.NewDataSet(), dicom.NewDataSet()
		second.SetBytes(tag.RedPaletteColorLookupTableData, vr.OW, long)
		ds.SetSequence(tag.ReferencedImageSequence, item, second)
		ds.SetBytes(tag.ICCProfile, vr.OB, []byte{1, 2, 3, 4})
	}))
	srv, _ := serving(t, m, Options{BaseURL: "https://pacs.example/dw"})
	at := srv.URL + "/dicom-web/" + in.Path()
	resp, b := get(t, at+"/metadata", "Accept", "application/dicom+json")
	var list []map[string]struct {
		VR           string `json:"vr"`
		Value        []json.RawMessage
		BulkDataURI  string
		InlineBinary string
	}
	if err := json.Unmarshal(b, &list); err != nil || len(list) != 1 || resp.Header.Get("Content-Type") != typeJSON {
		t.Fatalf("%v: %.300s", err, b)
	}
	ds := list[0]
	if got := string(ds["00100010"].Value[0]); got != `{"Alphabetic":"Müller"}` || string(ds["00080005"].Value[0]) != `"ISO_IR 192"` {
		t.Errorf("name %s, set %s", got, ds["00080005"].Value)
	}
	if got := ds["7FE00010"].BulkDataURI; got != "https://pacs.example/dw/"+in.Path()+"/bulkdata/7FE00010" {
		t.Errorf("pixel data at %q", got)
	}
	if ds["00282000"].InlineBinary != "AQIDBA==" || string(ds["00083002"].Value[0]) != `"1.2.840.10008.1.2.1"` {
		t.Errorf("%+v", ds)
	}
	if !strings.Contains(string(b), "/bulkdata/00081140/1/00281201") {
		t.Errorf("no bulk data in the second item: %s", b)
	}
	if resp, _ := get(t, at+"/metadata", "If-None-Match", resp.Header.Get("ETag")); resp.StatusCode != 304 {
		t.Errorf("unchanged: %d", resp.StatusCode)
	}
	if resp, got := get(t, at+"/bulkdata/00081140/1/00281201", "Range", "bytes=1-2"); resp.StatusCode != 206 || !bytes.Equal(got, []byte{2, 1}) {
		t.Errorf("range of bulk data: %d %v", resp.StatusCode, got)
	}
	resp, b = get(t, at+"/bulkdata/00081140/1/00281201", "Accept", `multipart/related; type="application/octet-stream"`)
	if bodies, _ := parts(t, resp, b); len(bodies) != 1 || !bytes.Equal(bodies[0], long) {
		t.Errorf("bulk data in parts")
	}
	for _, path := range []string{"00081140", "00081140/1", "00081140/2/00281201", "00081140/-1/00281201", "99999999", "x", "00081140/0/00281201", strings.Repeat("00081140/1/", 20) + "00281201"} {
		if resp, _ := get(t, at+"/bulkdata/"+path); resp.StatusCode != 404 {
			t.Errorf("%.30s: %d", path, resp.StatusCode)
		}
	}
}

func TestPictures(t *testing.T) {
	m := &memory{}
	in := m.add(t, image3(t, "1.2.3.4", 3, uid.ExplicitVRLittleEndian, nil)) // values 0 to 35
	text := m.add(t, image3(t, "1.2.3.9", 1, uid.ExplicitVRLittleEndian, func(ds *dicom.DataSet) { ds.Delete(tag.PixelData) }))
	srv, _ := serving(t, m, Options{})
	at := srv.URL + "/dicom-web/" + in.Path()
	picture := func(path string, header ...string) image.Image {
		t.Helper()
		resp, b := get(t, at+path, header...)
		decode := map[string]func(io.Reader) (image.Image, error){typeJPEG: jpeg.Decode, typePNG: png.Decode}[resp.Header.Get("Content-Type")]
		if decode == nil {
			t.Fatalf("%s: %d %v %.200s", path, resp.StatusCode, resp.Header, b)
		}
		img, err := decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	// Frame 2 holds 12 to 23. With centre 18 and width 12 exactly, v becomes (v−18)/12 + ½: 12 is black, 18 is half.
	img := picture("/frames/2/rendered?window=18,12,linear-exact", "Accept", "image/png").(*image.Gray)
	if img.Bounds().Dx() != 4 || img.Bounds().Dy() != 3 || img.GrayAt(0, 0).Y != 0 || img.GrayAt(2, 1).Y != 128 || img.GrayAt(3, 2).Y != 234 {
		t.Errorf("%v", img.Pix)
	}
	if img := picture("/rendered?viewport=8,8"); img.Bounds().Dx() != 8 || img.Bounds().Dy() != 6 {
		t.Errorf("viewport: %v", img.Bounds())
	}
	if img := picture("/rendered?viewport=2,2,0,0,2,2", "Accept", "image/png"); img.Bounds().Dx() != 2 || img.Bounds().Dy() != 2 {
		t.Errorf("crop: %v", img.Bounds())
	}
	plain := picture("/rendered?window=6,12,linear-exact", "Accept", "image/png").(*image.Gray)
	flipped := picture("/rendered?window=6,12,linear-exact&viewport=4,3,0,0,-4,3", "Accept", "image/png")
	if r, _, _, _ := flipped.At(0, 0).RGBA(); uint8(r>>8) != plain.GrayAt(3, 0).Y {
		t.Error("mirrored")
	}
	if img := picture("/thumbnail?viewport=2000,2000"); img.Bounds().Dx() != maxThumbnail {
		t.Errorf("a large thumbnail: %v", img.Bounds())
	}
	resp, b := get(t, at+"/rendered", "Accept", "image/gif")
	if g, err := gif.DecodeAll(bytes.NewReader(b)); err != nil || len(g.Image) != 3 || g.Delay[0] != 4 {
		t.Errorf("moving: %v %v", err, resp.Header)
	}
	resp, b = get(t, at+"/rendered", "Accept", `multipart/related; type="image/jpeg"`)
	if bodies, types := parts(t, resp, b); len(bodies) != 3 || types[0] != typeJPEG {
		t.Errorf("frames as parts: %v", types)
	}
	resp, b = get(t, srv.URL+"/dicom-web/studies/1.2/rendered", "Accept", `multipart/related; type="image/png"`)
	if bodies, _ := parts(t, resp, b); len(bodies) != 1 {
		t.Errorf("study: %d pictures", len(bodies))
	}
	for _, q := range []string{"window=1", "window=1,0", "window=a,b", "window=1,2,cubic", "window=1,nan", "viewport=0,0", "viewport=1", "viewport=9000,1", "viewport=a,b", "viewport=4,4,9,9,1,1", "quality=0", "quality=101", "quality=x", "viewport=-1,5"} {
		if resp, b := get(t, at+"/rendered?"+q); resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", q, resp.StatusCode, b)
		}
	}
	if resp, _ := get(t, at+"/rendered?iccprofile=srgb"); !strings.Contains(resp.Header.Get("Warning"), "iccprofile") {
		t.Error("no warning of what is not done")
	}
	if resp, _ := get(t, at+"/rendered", "Accept", "image/webp"); resp.StatusCode != 406 {
		t.Errorf("webp: %d", resp.StatusCode)
	}
	if resp, _ := get(t, srv.URL+"/dicom-web/"+text.Path()+"/rendered"); resp.StatusCode != 404 {
		t.Errorf("no pixels: %d", resp.StatusCode)
	}
	wado := srv.URL + "/dicom-web/wado?requestType=WADO&studyUID=1.2&seriesUID=1.2.3&objectUID=1.2.3.4"
	for q, want := range map[string]string{"": typeJPEG, "&contentType=image/png&rows=6": typePNG, "&contentType=application/dicom": "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
		"&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.5": "application/dicom; transfer-syntax=1.2.840.10008.1.2.5", "&frameNumber=3&windowCenter=5&windowWidth=3": typeJPEG} {
		if resp, _ := get(t, wado+q); resp.StatusCode != 200 || resp.Header.Get("Content-Type") != want {
			t.Errorf("WADO-URI %s: %d %s", q, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
	}
	for q, want := range map[string]int{"&frameNumber=4": 404, "&contentType=text/html": 406, "&frameNumber=x": 400} {
		if resp, _ := get(t, wado+q); resp.StatusCode != want {
			t.Errorf("WADO-URI %s: %d", q, resp.StatusCode)
		}
	}
	if resp, _ := get(t, srv.URL+"/dicom-web/wado?studyUID=1"); resp.StatusCode != 400 {
		t.Errorf("WADO-URI without words: %d", resp.StatusCode)
	}
}

func TestSearchAnswers(t *testing.T) {
	m := &memory{}
	srv, c := serving(t, m, Options{MaxResults: 2})
	if resp, b := get(t, srv.URL+"/dicom-web/studies"); resp.StatusCode != 204 || len(b) > 0 {
		t.Errorf("nothing there: %d %s", resp.StatusCode, b)
	}
	for i := range 5 {
		m.add(t, image3(t, fmt.Sprintf("1.2.3.%d", i+1), 1, uid.ExplicitVRLittleEndian, nil))
	}
	resp, b := get(t, srv.URL+"/dicom-web/instances?limit=100")
	if w := resp.Header.Get("Warning"); !strings.HasPrefix(w, "299 ") || !strings.Contains(w, "There are 3 additional results") || strings.Count(string(b), "RetrieveURL") != 0 {
		t.Errorf("warning %q", w)
	}
	if strings.Contains(string(b), "Manufacturer") || !strings.Contains(string(b), `"00081190":{"vr":"UR","Value":["`+srv.URL+"/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.1") {
		t.Errorf("%s", b)
	}
	n := 0
	for _, err := range c.Search(t.Context(), Query{Level: Instances}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 5 {
		t.Errorf("%d through pages", n)
	}
	for q, want := range map[string]int{"?limit=0": 204, "?limit=x": 400, "?Nonsense=1": 400, "?offset=99": 204} {
		if resp, _ := get(t, srv.URL+"/dicom-web/studies"+q); resp.StatusCode != want {
			t.Errorf("%s: %d", q, resp.StatusCode)
		}
	}
	if resp, _ := get(t, srv.URL+"/dicom-web/studies", "Accept", "application/dicom+xml"); resp.StatusCode != 406 {
		t.Errorf("XML: %d", resp.StatusCode)
	}
}

func TestCapabilities(t *testing.T) {
	srv, _ := serving(t, &memory{}, Options{})
	for accept, want := range map[string]string{"": typeWADL, "application/json": "application/json"} {
		req, _ := http.NewRequest("OPTIONS", srv.URL+"/dicom-web/", nil)
		if accept != "" {
			req.Header.Set("Accept", accept)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != want || !strings.Contains(string(b), "studies/{study}/series/{series}/instances/{instance}/frames/{frames}") {
			t.Errorf("%s: %d %s", accept, resp.StatusCode, b)
		}
	}
	req, _ := http.NewRequest("DELETE", srv.URL+"/dicom-web/studies/1.2", nil)
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 405 {
		t.Errorf("DELETE: %v %v", resp, err)
	} else {
		resp.Body.Close()
	}
}

// TestClientsThatGo checks that a client that leaves in the middle of a large answer, or of a store, leaves nothing behind.
func TestClientsThatGo(t *testing.T) {
	m := &memory{delay: 20 * time.Millisecond}
	for i := range 8 {
		m.add(t, image3(t, fmt.Sprintf("1.2.3.%d", i+1), 20_000, uid.ExplicitVRLittleEndian, nil))
	}
	srv := httptest.NewServer(NewServer(m, Options{}))
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			url := srv.URL + "/dicom-web/studies/1.2" + []string{"", "/metadata", "/series/1.2.3/instances/1.2.3.1/frames/" + frameList(500), "?accept=multipart/related%3Btype=%22application/dicom%22%3Btransfer-syntax=1.2.840.10008.1.2.5"}[i%4]
			req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			io.CopyN(io.Discard, resp.Body, 1000)
			resp.Body.Close()
		})
		wg.Go(func() { // a store that stops in the middle of a part
			c, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			f := newFraming()
			fmt.Fprintf(c, "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/related; type=\"application/dicom\"; boundary=%s\r\nContent-Length: 1000000\r\n\r\n%s%s",
				f.boundary, f.head(true, typeDICOM), strings.Repeat("x", 1000))
			c.Close()
		})
	}
	wg.Wait()
	http.DefaultClient.CloseIdleConnections()
	srv.Close() // waits for the handlers
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if n := runtime.NumGoroutine(); n > before {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines, %d before:\n%s", n, before, buf[:runtime.Stack(buf, true)])
	}
	if m.open != 0 {
		t.Errorf("%d contents stay open", m.open)
	}
}
