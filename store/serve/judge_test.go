package serve_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/dimse/dimsetest"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/serve"
)

// The judges are programs of others, here dcmtk: each of its clients against an archive of ours, and our client against each of its servers.
// scripts/judges runs all tests whose names begin with TestJudge.

// write puts instances into files, each as it is or in another transfer syntax.
func write(t *testing.T, list []dimse.Instance, to dicom.TransferSyntax) string {
	t.Helper()
	dir := t.TempDir()
	for i, in := range list {
		f, _, err := in.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if to == "" {
			to = f.TransferSyntax
		}
		if err := pixel.Transcode(t.Context(), &b, f, to); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.dcm", i)), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// images are instances that other programs can decode: two studies of two series of two.
func images(t *testing.T) []dimse.Instance {
	t.Helper()
	var list []dimse.Instance
	for s := range 2 {
		for e := range 2 {
			for n := range 2 {
				list = append(list, object(t, s, e, n, func(ds *dicom.DataSet) {
					ds.SetInts(tag.BitsAllocated, 8)
					ds.SetInts(tag.BitsStored, 8)
					ds.SetInts(tag.HighBit, 7)
					ds.SetInts(tag.PixelRepresentation, 0)
					ds.SetInts(tag.SamplesPerPixel, 1)
					ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
				}))
			}
		}
	}
	return list
}

func hostPort(t *testing.T, p dimse.Peer) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(p.Address)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

func count(t *testing.T, a interface {
	Count(context.Context, catalog.Query) (int, error)
}) int {
	t.Helper()
	n, err := a.Count(t.Context(), catalog.Query{Level: catalog.Image})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// samePixels reports whether two files have the same elements and pixels, whatever their encoding.
func samePixels(t *testing.T, a, b *dicom.File) bool {
	t.Helper()
	var sum [2]string
	for i, f := range []*dicom.File{a, b} {
		s, _, err := pixel.Digest(f)
		if err != nil {
			t.Fatal(err)
		}
		sum[i] = s + f.DataSet.String(tag.PatientName) + f.DataSet.String(tag.SOPInstanceUID)
	}
	return sum[0] == sum[1]
}

func TestJudgeEchoscu(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "echoscu")
	host, port := hostPort(t, listen(t, open(t, nil), nil))
	dimsetest.Run(t, "echoscu", "-aec", "CINELOOP", host, port)
	if _, err := dimsetest.Try(t, "echoscu", "-aec", "OTHER", host, port); err == nil {
		t.Error("another called AE title was accepted")
	}
	// 128 contexts, and an abort instead of a release
	dimsetest.Run(t, "echoscu", "-aec", "CINELOOP", "--repeat", "20", "--propose-pc", "128", host, port)
	dimsetest.Run(t, "echoscu", "-aec", "CINELOOP", "--abort", host, port)
}

// TestJudgeStorescu: each transfer syntax that storescu proposes, kept as it was sent.
func TestJudgeStorescu(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "storescu")
	list := images(t)
	for option, ts := range map[string]dicom.TransferSyntax{"-x=": uid.ExplicitVRLittleEndian, "-xi": uid.ImplicitVRLittleEndian, "-xe": uid.ExplicitVRLittleEndian, "-xb": uid.ExplicitVRBigEndian,
		"-xs": uid.JPEGLosslessSV1, "-xt": uid.JPEGLSLossless, "-xr": uid.RLELossless, "-xd": uid.DeflatedExplicitVRLittleEndian} {
		t.Run(ts.Name()+" "+option, func(t *testing.T) {
			a := open(t, nil)
			host, port := hostPort(t, listen(t, a, nil))
			dimsetest.Run(t, "storescu", "-aec", "CINELOOP", option, "+sd", host, port, write(t, list, ts))
			if n := count(t, a.Catalog); n != len(list) {
				t.Errorf("%d of %d are in the archive", n, len(list))
			}
			for _, in := range list {
				r, kept, err := a.Open(t.Context(), in.SOPInstanceUID)
				if err != nil {
					t.Fatal(err)
				}
				got, err := dicom.Read(r, r.Size(), dicom.Strict())
				if err != nil {
					t.Fatal(err)
				}
				want, _, _ := in.Open(t.Context())
				if !samePixels(t, got, want) || option != "-xb" && dicom.TransferSyntax(kept.TransferSyntaxUID) != ts {
					t.Errorf("kept as %s, or with other pixels", kept.TransferSyntaxUID)
				}
				r.Close()
			}
		})
	}
}

// TestJudgeDcmsend: instances of four syntaxes in one association, and the corpus where it is.
func TestJudgeDcmsend(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "dcmsend")
	a := open(t, nil)
	host, port := hostPort(t, listen(t, a, nil))
	want := map[string]dicom.TransferSyntax{}
	args := []string{"-aec", "CINELOOP", "-d", "+sd", host, port}
	for i, ts := range []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.JPEGLSLossless, uid.RLELossless, uid.JPEGLosslessSV1} {
		in := object(t, i, 0, 0, func(ds *dicom.DataSet) {
			for k, n := range map[tag.Tag]int{tag.BitsAllocated: 8, tag.BitsStored: 8, tag.HighBit: 7, tag.PixelRepresentation: 0, tag.SamplesPerPixel: 1} {
				ds.SetInts(k, n)
			}
			ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
		})
		want[in.SOPInstanceUID] = ts
		args = append(args, write(t, []dimse.Instance{in}, ts))
	}
	dimsetest.Run(t, "dcmsend", args...)
	for instance, ts := range want {
		if in, err := a.Catalog.Lookup(t.Context(), instance); err != nil || dicom.TransferSyntax(in.TransferSyntaxUID) != ts {
			t.Errorf("kept as %q, want %q: %v", in.TransferSyntaxUID, ts, err)
		}
	}
	corpus := filepath.Join(testdata.SharedRoot(t), "data", "dicom", "real", "pydicom")
	if _, err := os.Stat(corpus); err != nil {
		return
	}
	before := count(t, a.Catalog)
	_, _ = dimsetest.Try(t, "dcmsend", "-aec", "CINELOOP", "+sd", "+r", "--no-uid-checks", "--no-halt", host, port, corpus) // dcmtk can't read all of it
	if n := count(t, a.Catalog) - before; n < 80 {
		t.Errorf("%d of the corpus arrived", n)
	}
}

func TestJudgeFindscu(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "findscu")
	peer := listen(t, open(t, nil), nil)
	fill(t, peer, 6)
	host, port := hostPort(t, peer)
	for _, c := range []struct {
		args []string
		n    int
	}{
		{[]string{"-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "-k", "PatientName=DOE*"}, 2},
		{[]string{"-S", "-k", "QueryRetrieveLevel=SERIES", "-k", "StudyInstanceUID=1.2.3", "-k", "SeriesInstanceUID", "-k", "Modality"}, 2},
		{[]string{"-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", "StudyInstanceUID=1.2.3", "-k", "SeriesInstanceUID=1.2.3.0", "-k", "SOPInstanceUID"}, 2},
		{[]string{"-P", "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID", "-k", "PatientName"}, 3},
		{[]string{"-P", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=P1", "-k", "StudyInstanceUID", "-k", "StudyDate=20240103-"}, 1},
		{[]string{"-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=9"}, 0},
		{[]string{"-S", "--cancel", "2", "-k", "QueryRetrieveLevel=IMAGE", "-k", "SOPInstanceUID"}, -1},
	} {
		out := dimsetest.Run(t, "findscu", append([]string{"-v", "-aec", "CINELOOP", host, port}, c.args...)...)
		if n := strings.Count(out, "(Pending)"); n != c.n && c.n >= 0 || strings.Contains(out, "Failed") {
			t.Errorf("%q: %d answers, want %d\n%s", c.args, n, c.n, out)
		}
	}
}

func TestJudgeMovescu(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "movescu", "storescp")
	out, scp := t.TempDir(), dimsetest.Port(t)
	dimsetest.Start(t, scp, "storescp", "-aet", "DEST", "+B", "-od", out, fmt.Sprint(scp))
	peer := listen(t, open(t, nil), func(s *dimse.Server) {
		s.Peers = []dimse.Peer{{AETitle: "DEST", Address: fmt.Sprintf("127.0.0.1:%d", scp)}}
	})
	fill(t, peer, 3)
	host, port := hostPort(t, peer)
	dimsetest.Run(t, "movescu", "-S", "-aec", "CINELOOP", "-aem", "DEST", host, port, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1")
	dimsetest.Run(t, "movescu", "-P", "-aec", "CINELOOP", "-aem", "DEST", host, port, "-k", "QueryRetrieveLevel=SERIES", "-k", "PatientID=P2", "-k", "StudyInstanceUID=1.2.2", "-k", "SeriesInstanceUID=1.2.2.0")
	if files, _ := os.ReadDir(out); len(files) != 6 {
		t.Errorf("%d objects arrived", len(files))
	}
	if said, err := dimsetest.Try(t, "movescu", "-v", "-S", "-aec", "CINELOOP", "-aem", "NOBODY", host, port, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1"); err == nil && !strings.Contains(said, "MoveDestinationUnknown") {
		t.Errorf("an unknown destination: %s", said)
	}
}

func TestJudgeGetscu(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "getscu")
	peer := listen(t, open(t, nil), nil)
	fill(t, peer, 2)
	host, port := hostPort(t, peer)
	for _, args := range [][]string{{"-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.1"}, {"-P", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=P1", "-k", "StudyInstanceUID=1.2.1"}} {
		out := t.TempDir()
		dimsetest.Run(t, "getscu", append([]string{"-aec", "CINELOOP", "-od", out, host, port}, args...)...)
		if files, _ := os.ReadDir(out); len(files) != 4 {
			t.Errorf("%q: %d objects arrived", args, len(files))
		}
	}
}

// TestJudgeTranscoding: what getscu takes in little endian alone, and was kept compressed, arrives with the same pixels; dcmdump reads it.
func TestJudgeTranscoding(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "getscu", "storescu", "dcmdump")
	list := images(t)
	peer := listen(t, open(t, nil), nil)
	host, port := hostPort(t, peer)
	dimsetest.Run(t, "storescu", "-aec", "CINELOOP", "-xt", "+sd", host, port, write(t, list, uid.JPEGLSLossless))
	out := t.TempDir()
	dimsetest.Run(t, "getscu", "-S", "-aec", "CINELOOP", "-od", out, host, port, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.0\\1.2.1")
	files, _ := os.ReadDir(out)
	if len(files) != len(list) {
		t.Fatalf("%d objects arrived", len(files))
	}
	for _, e := range files {
		f, err := dicom.Open(filepath.Join(out, e.Name()), dicom.Strict())
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(list, func(in dimse.Instance) bool { return in.SOPInstanceUID == f.DataSet.String(tag.SOPInstanceUID) })
		want, _, _ := list[at].Open(t.Context())
		if f.TransferSyntax.IsEncapsulated() || !samePixels(t, f, want) {
			t.Errorf("arrived as %s, or with other pixels", f.TransferSyntax.Name())
		}
		f.Close()
		dimsetest.Run(t, "dcmdump", "-q", filepath.Join(out, e.Name()))
	}
}

// TestJudgeStorescp: ours sends to storescp, and every byte of the data sets arrives.
func TestJudgeStorescp(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "storescp")
	for _, ts := range []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.JPEGLSLossless, uid.RLELossless, uid.JPEGLosslessSV1} {
		t.Run(ts.Name(), func(t *testing.T) {
			out, port := t.TempDir(), dimsetest.Port(t)
			dimsetest.Start(t, port, "storescp", "-aet", "SCP", "+xa", "+B", "-od", out, fmt.Sprint(port))
			var list []dimse.Instance
			dir := write(t, images(t), ts)
			files, _ := filepath.Glob(filepath.Join(dir, "*"))
			for _, f := range files {
				in, err := dimse.FileInstance(f)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, in)
			}
			c := dial(t, dimse.Peer{AETitle: "SCP", Address: fmt.Sprintf("127.0.0.1:%d", port)}, nil, dimse.OffersFor(list)...)
			if err := c.StoreAll(t.Context(), list, dimse.StoreOptions{}, func(_ int, _ dimse.Status, err error) {
				if err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
			arrived, _ := filepath.Glob(filepath.Join(out, "*"))
			if len(arrived) != len(list) {
				t.Fatalf("%d of %d arrived", len(arrived), len(list))
			}
			bodies := map[string]bool{}
			for _, path := range append(files, arrived...) {
				f, err := dicom.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				var b bytes.Buffer
				if err := f.WriteBody(&b); err != nil {
					t.Fatal(err)
				}
				bodies[b.String()] = true
				f.Close()
			}
			if len(bodies) != len(list) {
				t.Errorf("%d different data sets among %d sent and %d arrived", len(bodies), len(files), len(arrived))
			}
		})
	}
}

// TestJudgeDcmqrscp: ours as client of dcmtk's archive: echo, store, find, get, move to our server.
func TestJudgeDcmqrscp(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "dcmqrscp")
	dir, port := t.TempDir(), dimsetest.Port(t)
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	a := open(t, nil)
	own := listen(t, a, nil)
	_, ownPort := hostPort(t, own)
	config := filepath.Join(dir, "dcmqrscp.cfg")
	text := fmt.Sprintf(`NetworkTCPPort = %d
MaxPDUSize = 16384
MaxAssociations = 8
HostTable BEGIN
ours = (CINELOOP, 127.0.0.1, %s)
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
QR %s RW (100, 512mb) ANY
AETable END
`, port, ownPort, filepath.Join(dir, "db"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	dimsetest.Start(t, port, "dcmqrscp", "-c", config)
	peer := dimse.Peer{AETitle: "QR", Address: fmt.Sprintf("127.0.0.1:%d", port)}
	list := images(t)
	c := dial(t, peer, nil, append(dimse.OffersFor(list), dimse.Offer{SOPClass: uid.Verification, Syntaxes: []dicom.TransferSyntax{uid.ImplicitVRLittleEndian}})...)
	if err := c.Echo(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.StoreAll(t.Context(), list, dimse.StoreOptions{}, func(_ int, _ dimse.Status, err error) {
		if err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	mine := &sums{}
	q := dial(t, peer, mine, append(dimse.GetOffers(dimse.StudyRoot, uid.UltrasoundImageStorage), dimse.FindOffer(dimse.StudyRoot), dimse.MoveOffer(dimse.StudyRoot))...)
	n := 0
	for ds, err := range q.Find(t.Context(), dimse.StudyRoot, key(t, "STUDY", "StudyInstanceUID", "", "PatientName", "Doe*")) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; ds.String(tag.StudyInstanceUID) != "1.2.1" {
			t.Error("another study")
		}
	}
	if n != 1 {
		t.Errorf("%d answers", n)
	}
	if r, err := q.Get(t.Context(), dimse.StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.1"), nil); err != nil || r.Completed != 4 || len(mine.got) != 4 {
		t.Errorf("get: %+v, %v, %d arrived", r, err, len(mine.got))
	}
	if r, err := q.Move(t.Context(), dimse.StudyRoot, key(t, "STUDY", "StudyInstanceUID", "1.2.0"), "CINELOOP", nil); err != nil || r.Completed != 4 || count(t, a.Catalog) != 4 {
		t.Errorf("move: %+v, %v, %d arrived", r, err, count(t, a.Catalog))
	}
}

// TestJudgeWorklist: ours asks wlmscpfs, and findscu asks ours, for the same entries.
func TestJudgeWorklist(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "wlmscpfs", "findscu")
	dir, port := t.TempDir(), dimsetest.Port(t)
	entries := filepath.Join(dir, "WL")
	if err := os.Mkdir(entries, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(entries, "lockfile"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, modality := range []string{"US", "CT", "US"} {
		step := dicom.NewDataSet()
		step.SetString(tag.Modality, modality)
		step.SetString(tag.ScheduledStationAETitle, "ECHO1")
		step.SetString(tag.ScheduledProcedureStepStartDate, fmt.Sprintf("2024011%d", i))
		step.SetString(tag.ScheduledProcedureStepStartTime, "101500")
		step.SetString(tag.ScheduledPerformingPhysicianName, "Roe^R")
		step.SetString(tag.ScheduledProcedureStepDescription, "TTE")
		step.SetString(tag.ScheduledProcedureStepID, fmt.Sprint(i))
		ds := dicom.NewDataSet()
		ds.SetString(tag.SOPClassUID, uid.ModalityWorklistInformationModelFind)
		ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.77.%d", i))
		ds.SetString(tag.PatientName, fmt.Sprintf("Test^%d", i))
		ds.SetString(tag.PatientID, fmt.Sprint(i))
		ds.SetString(tag.AccessionNumber, fmt.Sprint(i))
		ds.SetString(tag.StudyInstanceUID, fmt.Sprintf("1.2.78.%d", i))
		ds.SetString(tag.RequestedProcedureID, fmt.Sprint(i))
		ds.SetString(tag.RequestedProcedureDescription, "Echo")
		ds.SetSequence(tag.ScheduledProcedureStepSequence, step)
		if err := dicom.WriteFile(filepath.Join(entries, fmt.Sprintf("%d.wl", i)), ds, dicom.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	dimsetest.Start(t, port, "wlmscpfs", "-dfp", dir, fmt.Sprint(port))
	keys := dicom.NewDataSet()
	step := dicom.NewDataSet()
	step.SetString(tag.Modality, "US")
	step.SetEmpty(tag.ScheduledProcedureStepStartDate)
	keys.SetSequence(tag.ScheduledProcedureStepSequence, step)
	keys.SetEmpty(tag.PatientName)
	c := dial(t, dimse.Peer{AETitle: "WL", Address: fmt.Sprintf("127.0.0.1:%d", port)}, nil, dimse.FindOffer(dimse.Worklist))
	var names []string
	for ds, err := range c.Find(t.Context(), dimse.Worklist, keys) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, ds.String(tag.PatientName))
	}
	if slices.Sort(names); !slices.Equal(names, []string{"Test^0", "Test^2"}) {
		t.Errorf("wlmscpfs gives %q", names)
	}
	host, p := hostPort(t, listen(t, open(t, nil), func(s *dimse.Server) { s.Worklist = serve.WorklistFolder(entries) }))
	out := dimsetest.Run(t, "findscu", "-v", "-W", "-aec", "CINELOOP", host, p, "-k", "PatientName", "-k", "(0040,0100)[0].Modality=US")
	if n := strings.Count(out, "(Pending)"); n != 2 || !strings.Contains(out, "Test^2") {
		t.Errorf("findscu gets %d answers\n%s", n, out)
	}
}

// TestJudgeTLS: both ways, with certificates on both sides.
func TestJudgeTLS(t *testing.T) {
	t.Parallel()
	dimsetest.Need(t, "echoscu", "storescu", "storescp")
	if out, _ := dimsetest.Try(t, "echoscu", "--help"); !strings.Contains(out, "+tls") {
		t.Skip("this dcmtk is built without TLS")
	}
	ca := dimsetest.NewAuthority(t)
	node, client := dimse.TLSFiles(ca.Issue(t, "node")), dimse.TLSFiles(ca.Issue(t, "client"))
	a := open(t, nil)
	peer := listen(t, a, func(s *dimse.Server) {
		var err error
		if s.TLS, err = node.ServerTLS(); err != nil {
			t.Fatal(err)
		}
	})
	host, port := hostPort(t, peer)
	keys := []string{"+tls", client.Key, client.Cert, "+cf", ca.File, "-aec", "CINELOOP"}
	dimsetest.Run(t, "echoscu", append(keys, host, port)...)
	list := images(t)
	dimsetest.Run(t, "storescu", append(keys, "+sd", host, port, write(t, list, ""))...)
	if n := count(t, a.Catalog); n != len(list) {
		t.Errorf("%d arrived", n)
	}
	for name, args := range map[string][]string{"plain text": {"-aec", "CINELOOP"}, "no certificate": {"+tla", "+cf", ca.File, "-aec", "CINELOOP"}} {
		if _, err := dimsetest.Try(t, "echoscu", append(args, "-to", "5", "-ta", "5", host, port)...); err == nil {
			t.Errorf("%s was let in", name)
		}
	}
	out, scp := t.TempDir(), dimsetest.Port(t)
	dimsetest.Start(t, scp, "storescp", "+tls", node.Key, node.Cert, "+cf", ca.File, "-od", out, fmt.Sprint(scp))
	to := dimse.Peer{AETitle: "SCP", Address: fmt.Sprintf("127.0.0.1:%d", scp)}
	var err error
	if to.TLS, err = client.ClientTLS(); err != nil {
		t.Fatal(err)
	}
	c := dial(t, to, nil, dimse.OffersFor(list)...)
	if err := c.StoreAll(t.Context(), list, dimse.StoreOptions{}, func(_ int, _ dimse.Status, err error) {
		if err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(out); len(files) != len(list) {
		t.Errorf("%d arrived", len(files))
	}
}
