package dimse

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

func TestPick(t *testing.T) {
	const (
		explicit, implicit, big = uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian
		lossless, lossy, video  = uid.JPEGLSLossless, uid.JPEGBaseline8Bit, uid.MPEG4HP41
	)
	for _, c := range []struct {
		proposed []string
		want     dicom.TransferSyntax
	}{
		{[]string{implicit, explicit}, explicit}, {[]string{big, implicit}, implicit}, {[]string{big}, big},
		{[]string{explicit, lossless}, explicit}, {[]string{lossless, explicit}, lossless}, {[]string{implicit, lossless}, lossless},
		{[]string{lossy, implicit}, implicit}, // a peer that would compress keeps its pixels
		{[]string{lossy}, lossy}, {[]string{video}, video}, {[]string{lossy, video}, lossy}, {[]string{big, lossy}, lossy},
		{[]string{uid.HEVCMP51}, uid.HEVCMP51}, {[]string{uid.DeflatedExplicitVRLittleEndian}, uid.DeflatedExplicitVRLittleEndian},
		{[]string{"1.2.3"}, ""}, {nil, ""}, {[]string{uid.JPIPReferenced}, ""},
	} {
		if got, ok := pick(c.proposed); got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, want %q", c.proposed, got, c.want)
		}
	}
	if got, _ := pickNative([]string{implicit, lossless, explicit}); got != explicit {
		t.Errorf("%q", got)
	}
	if _, ok := pickNative([]string{lossless}); ok {
		t.Error("a query in JPEG-LS")
	}
}

func TestAccept(t *testing.T) {
	p := newPACS()
	everything := serverFor(p)
	everything.Reports = ReportFunc(nil)
	storing := &Server{Store: p}
	private := &Server{Store: p, PrivateClass: true}
	sending := &Server{Retrieve: p}
	scu, scp, both := pdu.Role{SCU: true}, pdu.Role{SCP: true}, pdu.Role{SCU: true, SCP: true}
	for name, c := range map[string]struct {
		s        *Server
		class    string
		role     *pdu.Role
		scu, scp bool
		want     pdu.ContextResult
	}{
		"storage":                       {storing, uid.CTImageStorage, nil, false, true, pdu.Acceptance},
		"storage, as SCU":               {storing, uid.CTImageStorage, &scu, false, true, pdu.Acceptance},
		"storage, as SCP of a store":    {storing, uid.CTImageStorage, &scp, false, false, pdu.AbstractSyntaxNotSupported},
		"storage, as SCP":               {everything, uid.CTImageStorage, &scp, true, false, pdu.Acceptance},
		"storage, both":                 {everything, uid.CTImageStorage, &both, true, true, pdu.Acceptance},
		"storage for who only sends":    {sending, uid.CTImageStorage, nil, false, false, pdu.AbstractSyntaxNotSupported},
		"retired storage":               {storing, uid.UltrasoundImageStorageRetired, nil, false, true, pdu.Acceptance},
		"a DICOMDIR":                    {storing, uid.MediaStorageDirectoryStorage, nil, false, false, pdu.AbstractSyntaxNotSupported},
		"a private class":               {private, "1.3.12.2.1107.5.9.1", nil, false, true, pdu.Acceptance},
		"a private class, not wanted":   {storing, "1.3.12.2.1107.5.9.1", nil, false, false, pdu.AbstractSyntaxNotSupported},
		"no UID":                        {private, "../../etc", nil, false, false, pdu.AbstractSyntaxNotSupported},
		"printing":                      {everything, uid.BasicGrayscalePrintManagementMeta, nil, false, false, pdu.AbstractSyntaxNotSupported},
		"commitment":                    {everything, uid.StorageCommitmentPushModel, nil, false, true, pdu.Acceptance},
		"commitment, reports":           {everything, uid.StorageCommitmentPushModel, &scp, true, false, pdu.Acceptance},
		"commitment at a mere store":    {storing, uid.StorageCommitmentPushModel, nil, false, false, pdu.AbstractSyntaxNotSupported},
		"find":                          {everything, StudyRoot.find(), nil, false, true, pdu.Acceptance},
		"find at a mere store":          {storing, StudyRoot.find(), nil, false, false, pdu.AbstractSyntaxNotSupported},
		"worklist":                      {everything, Worklist.find(), nil, false, true, pdu.Acceptance},
		"worklist at a store":           {storing, Worklist.find(), nil, false, false, pdu.AbstractSyntaxNotSupported},
		"move":                          {everything, PatientRoot.move(), nil, false, true, pdu.Acceptance},
		"get at a mere store":           {storing, StudyRoot.get(), nil, false, false, pdu.AbstractSyntaxNotSupported},
		"verification, always":          {&Server{}, uid.Verification, nil, false, true, pdu.Acceptance},
		"an unregistered class, listed": {everything, "1.2.3.4", nil, false, false, pdu.AbstractSyntaxNotSupported},
	} {
		var role pdu.Role
		if c.role != nil {
			role = *c.role
		}
		in, result := c.s.accept(pdu.Context{ID: 1, Abstract: c.class, Transfer: []string{uid.ImplicitVRLittleEndian}}, role, c.role != nil)
		if result != c.want || (in != nil) != (result == pdu.Acceptance) || in != nil && (in.scu != c.scu || in.scp != c.scp) {
			t.Errorf("%s: result %d, %+v", name, result, in)
		}
	}
	if _, r := storing.accept(pdu.Context{ID: 1, Abstract: uid.CTImageStorage, Transfer: []string{"1.2.3"}}, pdu.Role{}, false); r != pdu.TransferSyntaxNotSupported {
		t.Errorf("an unknown transfer syntax: %d", r)
	}
}

// TestDecide: the answer as a whole.
func TestDecide(t *testing.T) {
	s := serverFor(newPACS())
	s.Window = 8
	rq := &pdu.Associate{CalledAE: "PACS", CallingAE: "X", Contexts: []pdu.Context{
		{ID: 1, Abstract: uid.CTImageStorage, Transfer: []string{uid.ExplicitVRLittleEndian}}, {ID: 3, Abstract: uid.CTImageStorage, Transfer: []string{uid.JPEGLSLossless}},
		{ID: 5, Abstract: StudyRoot.find(), Transfer: []string{uid.ImplicitVRLittleEndian}}, {ID: 5, Abstract: uid.Verification, Transfer: []string{uid.ImplicitVRLittleEndian}},
		{ID: 7, Abstract: "1.2", Transfer: []string{uid.ImplicitVRLittleEndian}}}}
	rq.User.Async = &pdu.AsyncWindow{Invoked: 0, Performed: 3}
	rq.User.Roles = []pdu.Role{{SOPClassUID: uid.CTImageStorage, SCU: true, SCP: true}, {SOPClassUID: "1.2", SCP: true}}
	rq.User.Extended = []pdu.Extended{{SOPClassUID: StudyRoot.find(), Info: []byte{1, 1, 1}}, {SOPClassUID: uid.CTImageStorage, Info: []byte{0, 0}}, {SOPClassUID: "1.2", Info: []byte{1}}, {SOPClassUID: "1.3"}}
	n := &negotiation{server: s, room: true}
	ac := n.decide(rq).Accept
	if ac == nil {
		t.Fatal("rejected")
	}
	want := []pdu.ContextResult{pdu.Acceptance, pdu.Acceptance, pdu.Acceptance, pdu.NoReason, pdu.AbstractSyntaxNotSupported}
	for i, c := range ac.Contexts {
		if c.ID != rq.Contexts[i].ID || c.Result != want[i] || len(c.Transfer) != 1 {
			t.Errorf("context %d: %+v", i, c)
		}
	}
	if *ac.User.Async != (pdu.AsyncWindow{Invoked: 8, Performed: 3}) || n.performed != 8 || n.invoked != 3 {
		t.Errorf("window %+v", ac.User.Async)
	}
	if len(ac.User.Roles) != 1 || ac.User.Roles[0] != (pdu.Role{SOPClassUID: uid.CTImageStorage, SCU: true, SCP: true}) {
		t.Errorf("roles %+v", ac.User.Roles)
	}
	if e := ac.User.Extended; len(e) != 2 || !bytes.Equal(e[0].Info, []byte{1, 0, 0}) || !bytes.Equal(e[1].Info, []byte{2, 0}) {
		t.Errorf("extended negotiation %+v", e)
	}
}

func TestOffers(t *testing.T) {
	for _, classes := range [][]string{nil, {uid.CTImageStorage}, {uid.CTImageStorage, uid.MRImageStorage, uid.UltrasoundMultiFrameImageStorage, uid.SecondaryCaptureImageStorage},
		{"1", "2", "3", "4", "5"}} {
		offers := GetOffers(StudyRoot, classes...)
		seen := map[string]bool{}
		for _, o := range offers {
			k := o.SOPClass + fmt.Sprint(o.Syntaxes)
			if seen[k] || len(o.Syntaxes) == 0 || o.SCP == (o.SOPClass == StudyRoot.get()) {
				t.Errorf("%d classes: %+v", len(classes), o)
			}
			seen[k] = true
		}
		if len(offers) > 128 || len(classes) == 0 && len(offers) < 110 {
			t.Errorf("%d offers for %d classes", len(offers), len(classes))
		}
		for _, c := range classes {
			if !seen[c+fmt.Sprint(nativeSyntaxes)] {
				t.Errorf("%s is not asked for in a native syntax", c)
			}
		}
	}
	// Instances of more kinds than fit go in batches, none twice and none left out.
	var list []Instance
	for i := range 300 {
		list = append(list, Instance{SOPClassUID: fmt.Sprintf("1.%d", i%100), TransferSyntax: uid.JPEGLSLossless, SOPInstanceUID: fmt.Sprint(i)})
	}
	n := 0
	for _, b := range Batches(list) {
		if offers := OffersFor(b); len(offers) > 128 {
			t.Errorf("%d offers", len(offers))
		}
		for _, in := range b {
			if in.SOPInstanceUID != fmt.Sprint(n) {
				t.Fatalf("instance %s at %d", in.SOPInstanceUID, n)
			}
			n++
		}
	}
	if n != 300 || Batches(nil) != nil {
		t.Errorf("%d of 300", n)
	}
}

func TestFileInstance(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.dcm")
	f := image(t, 1, 1, uid.RLELossless)
	if err := f.Save(path); err != nil {
		t.Fatal(err)
	}
	in, err := FileInstance(path)
	if err != nil || in.SOPInstanceUID != "1.2.3.1.1" || in.TransferSyntax != uid.RLELossless {
		t.Fatalf("%+v %v", in, err)
	}
	g, done, err := in.Open(t.Context())
	if err != nil || g.DataSet.String(tag.SOPInstanceUID) != in.SOPInstanceUID || done() != nil {
		t.Error(err)
	}
	os.Remove(path)
	if _, _, err := in.Open(t.Context()); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a file that has gone: %v", err)
	}
	if err := os.WriteFile(path, []byte("no DICOM, and longer than a header"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FileInstance(path); fault.CodeOf(err) != fault.Input {
		t.Errorf("%v", err)
	}
	ds := dicom.NewDataSet()
	ds.SetString(tag.PatientID, "1")
	var b bytes.Buffer
	if err := dicom.WriteDataSet(&b, ds, uid.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(append(make([]byte, 128), "DICM"...), b.Bytes()...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FileInstance(path); fault.CodeOf(err) != fault.Input {
		t.Errorf("a data set that is no instance: %v", err)
	}
}

// TestMetaStripper: whatever pieces a file is written in, what comes out is its data set.
func TestMetaStripper(t *testing.T) {
	f := image(t, 1, 1, uid.ExplicitVRLittleEndian)
	var whole bytes.Buffer
	if err := f.Write(&whole); err != nil {
		t.Fatal(err)
	}
	want := bodyOf(t, f)
	for _, piece := range []int{1, 2, 7, 131, 144, 145, 1000, whole.Len()} {
		var out bytes.Buffer
		s := &metaStripper{w: &out}
		for b := whole.Bytes(); len(b) > 0; {
			n, err := s.Write(b[:min(piece, len(b))])
			if err != nil || n != min(piece, len(b)) {
				t.Fatal(n, err)
			}
			b = b[n:]
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("in pieces of %d bytes: other bytes", piece)
		}
	}
}
