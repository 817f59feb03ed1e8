package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/result"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/browser"
	"github.com/cineloop/cineloop/internal/judges"
	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/dicomweb"
)

// judged is the exam with its results: files by kind, all of them with the pictures first, and what the reports have to say.
func judged(t *testing.T) (out string, byKind map[string][]string, all []string, want []judges.Expected) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no judge is heard")
	}
	p, pictures, want := hospital(t)
	out = filepath.Join(t.TempDir(), "out")
	if _, err := Write(t.Context(), p.Records(), p.Head(), []string{"sr", "seg", "gsps", "sc"}, out); err != nil {
		t.Fatal(err)
	}
	byKind, all = map[string][]string{}, slices.Clone(pictures)
	err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".dcm") {
			kind := filepath.Base(filepath.Dir(path))
			byKind[kind] = append(byKind[kind], path)
			all = append(all, path)
		}
		return err
	})
	if err != nil || len(byKind) != 4 {
		t.Fatal(byKind, err)
	}
	return out, byKind, all, want
}

// says runs a program and gives all that it says; the test is skipped where it is absent.
func says(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	said, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%.2000s", name, err, said)
	}
	return string(said)
}

// TestJudgeStudy: dicom3tools, dcmtk and pydicom about a whole study folder, the pictures with all results.
func TestJudgeStudy(t *testing.T) {
	_, byKind, all, _ := judged(t)
	t.Run("dciodvfy", func(t *testing.T) {
		n := 0
		for _, kind := range []string{"sr", "seg", "gsps", "sc"} {
			for _, f := range byKind[kind] {
				n++
				for line := range strings.Lines(says(t, "dciodvfy", "-new", f)) {
					if (strings.HasPrefix(line, "Error") || strings.HasPrefix(line, "Warning")) && !strings.Contains(line, "Unrecognized defined term = <99CINELOOP>") &&
						!strings.Contains(line, "Laterality(0020,0060)> - is only permitted to be empty when actually unknown") {
						t.Errorf("%s: %s", kind, line)
					}
				}
			}
		}
		t.Logf("dciodvfy: %d results without an error", n)
	})
	t.Run("dcentvfy", func(t *testing.T) {
		for line := range strings.Lines(says(t, "dcentvfy", all...)) {
			// Its tables have the accession number at the series for results: the value is the study's everywhere.
			if !strings.Contains(line, "Different information entities for attribute - Element=<AccessionNumber>") && strings.TrimSpace(line) != "" {
				t.Error(line)
			}
		}
		t.Logf("dcentvfy: %d files are one patient, one study", len(all))
	})
	t.Run("dcmpschk", func(t *testing.T) {
		for _, f := range byKind["gsps"] {
			if said := says(t, "dcmpschk", f); strings.Contains(said, "E: ") || !strings.Contains(said, "Test passed") {
				t.Errorf("%.2000s", said)
			}
		}
		t.Logf("dcmpschk: %d presentation states passed", len(byKind["gsps"]))
	})
	t.Run("dsrdump", func(t *testing.T) {
		for _, f := range byKind["sr"] {
			if said := says(t, "dsrdump", "+Pl", f); strings.Contains(said, "E: ") || strings.Contains(said, "W: ") {
				t.Errorf("%.2000s", said)
			}
		}
	})
	t.Run("dcm2json", func(t *testing.T) {
		for _, f := range slices.Concat(byKind["sr"], byKind["seg"], byKind["gsps"]) {
			if said := says(t, "dcm2json", f); !json.Valid([]byte(said)) {
				t.Errorf("%s: %.300s", filepath.Base(f), said)
			}
		}
	})
	t.Run("pydicom", func(t *testing.T) {
		const python = "/usr/bin/python3"
		if err := exec.CommandContext(t.Context(), python, "-c", "import pydicom, numpy").Run(); err != nil {
			t.Skip("pydicom is not installed")
		}
		said := says(t, python, append([]string{"testdata/one_study.py"}, all...)...)
		var got struct {
			Patients, Studies [][]string
			Frames            map[string]int
			Pixels            int
		}
		if err := json.Unmarshal([]byte(said), &got); err != nil {
			t.Fatal(err, said)
		}
		if len(got.Patients) != 1 || len(got.Studies) != 1 || got.Patients[0][0] != "H-4711" || got.Studies[0][1] != "20260102" || got.Studies[0][2] != "S17" {
			t.Errorf("%+v", got)
		}
		// Masks: three in the stack and two in the loop by ann, one and one by the model.
		if got.Frames["SEG"] != 7 || got.Pixels == 0 {
			t.Errorf("%+v", got)
		}
		t.Logf("pydicom: %d files, frames by modality %v", len(all), got.Frames)
	})
}

// TestJudgePixelMed: PixelMed's validator knows the rows of TID 1500 and its context groups. Groups are extensible: codes and words of this program's own are told as not in the
// template; anything else is not.
func TestJudgePixelMed(t *testing.T) {
	_, byKind, _, _ := judged(t)
	t.Setenv("JAVA_TOOL_OPTIONS", "-Djdk.xml.xpathTotalOpLimit=0 -Djdk.xml.xpathExprOpLimit=0 -Djdk.xml.xpathExprGrpLimit=0") // it does not start without
	if os.Getenv("CINELOOP_JUDGES") == "" {
		t.Skip("PixelMed judges in make judges: it takes half a minute a report")
	}
	extensions := 0
	for _, f := range byKind["sr"] {
		said := says(t, "DicomSRValidator", f)
		if !strings.Contains(said, "Found Root Template TID_1500") || !strings.Contains(said, "Root Template Validation Complete") || !strings.Contains(said, "IOD validation complete") {
			t.Errorf("%.2000s", said)
		}
		rep, err := result.ReadReport(open(t, f))
		if err != nil {
			t.Fatal(err)
		}
		regions := 0
		for _, g := range rep.Groups {
			if len(g.Regions) == 1 && (g.Regions[0].Closed() || g.Regions[0].Type == result.OnePoint) {
				regions++
			}
		}
		for line := range strings.Lines(said) {
			switch {
			case regions == 1 && strings.Contains(line, "Template 1410 PlanarROIMeasurements") && strings.Contains(line, "Missing conditional content item"):
				// Its rules count the regions of all groups together: where there is exactly one, it takes every group for one of a region.
			case strings.HasPrefix(line, "Warning") && strings.Contains(line, "Content Item not in template") && (strings.Contains(line, "99CINELOOP") || strings.Contains(line, "(121106,DCM")):
				extensions++
			case strings.Contains(line, "Error") || strings.HasPrefix(line, "Warning"):
				t.Error(line)
			}
		}
	}
	t.Logf("PixelMed: %d reports; %d content items beyond the template", len(byKind["sr"]), extensions)
}

// TestJudgeOrthanc: Orthanc takes pictures and results over STOW-RS, and QIDO-RS finds all of them under one patient and one study.
func TestJudgeOrthanc(t *testing.T) {
	_, byKind, all, _ := judged(t)
	base := judges.Orthanc(t, "http://127.0.0.1:1")
	c, err := web.NewClient(base+"/dicom-web", web.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Store(t.Context(), uploads(t, all), web.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Stored != len(all) || res.Failed+res.Unanswered > 0 {
		t.Errorf("Orthanc stores %d of %d files: %+v", res.Stored, len(all), res)
	}
	count := func(query string) (n int, first map[string]any) {
		t.Helper()
		resp, err := http.Get(base + "/dicom-web/" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var list []map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 {
			first = list[0]
		}
		return len(list), first
	}
	if n, _ := count("studies"); n != 1 {
		t.Errorf("%d studies", n)
	}
	for query, want := range map[string]int{"studies?PatientID=H-4711": 1, "studies?StudyDate=20260102": 1, "studies?StudyID=S17": 1, "studies?AccessionNumber=A-99": 1, "instances?PatientID=H-4711": len(all),
		"instances?Modality=SR": len(byKind["sr"]), "instances?Modality=SEG": len(byKind["seg"]), "instances?Modality=PR": len(byKind["gsps"])} {
		if n, _ := count(query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	resp, err := http.Get(base + "/patients")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var patients []string
	if err := json.NewDecoder(resp.Body).Decode(&patients); err != nil || len(patients) != 1 {
		t.Errorf("%v, %v", patients, err)
	}
	t.Logf("Orthanc: %d of %d files stored, one patient, one study", res.Stored, len(all))
}

// uploads are files as STOW-RS takes them.
func uploads(t *testing.T, files []string) iter.Seq2[web.Upload, error] {
	return func(yield func(web.Upload, error) bool) {
		for _, path := range files {
			info, err := os.Stat(path)
			if err != nil {
				t.Error(err)
				return
			}
			if !yield(web.Upload{Name: path, Size: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(path) }}, nil) {
				return
			}
		}
	}
}

// TestJudgeMillimetres: what was drawn on pictures of known scales is read from the reports by three programs that share nothing, with the same millimetres.
func TestJudgeMillimetres(t *testing.T) {
	out, _, all, want := judged(t)
	judges.Readings(t, out, slices.DeleteFunc(all, func(p string) bool { return strings.HasPrefix(p, out) }), want)
}

// TestReadingsExpected is the same of an export that was made elsewhere: scripts/readings.
func TestReadingsExpected(t *testing.T) {
	dir, file := os.Getenv("CINELOOP_EXPORT"), os.Getenv("CINELOOP_EXPECTED")
	if dir == "" || file == "" {
		t.Skip("no export was named: scripts/readings EXPORT EXPECTED.json [PICTURE...]")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []judges.Expected
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&want); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	judges.Readings(t, dir, strings.Fields(os.Getenv("CINELOOP_PICTURES")), want)
}

// TestJudgeOHIF: OHIF shows the report's lines with their millimetres and the segmentation over the stack. Pictures of it are kept under artifacts/.
func TestJudgeOHIF(t *testing.T) {
	viewer := judges.OHIF(t)
	_, byKind, all, _ := judged(t)
	b := browser.Start(t)
	dir := filepath.Join(t.TempDir(), "a")
	if err := store.Init(dir, store.DefaultConfig()); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(t.Context(), dir, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	backend := dicomweb.New(a)
	keep := slices.DeleteFunc(slices.Clone(all), func(p string) bool { // presentation states and captures are shown by themselves
		return slices.Contains(byKind["gsps"], p) || slices.Contains(byKind["sc"], p)
	})
	for _, f := range keep {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := backend.Store(t.Context(), bytes.NewReader(raw), web.Storing{}); err != nil {
			t.Fatal(f, err)
		}
	}
	h, err := serve.Handler(web.NewServer(backend, web.Options{}), serve.Options{Rate: 1e6, Origins: []string{viewer.URL}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	viewer.Of(srv.URL + "/dicom-web")
	artifacts := filepath.Join(testdata.Root(t), "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	study := open(t, all[0]).String(tag.StudyInstanceUID)
	b.Size(1440, 900, false)
	b.Open(viewer.URL + "/viewer?StudyInstanceUIDs=" + study)
	b.Wait(judges.Drawn(4))
	b.Eval(judges.SkipTour)
	pick := func(kind, with, without string) string {
		return fmt.Sprintf(`(() => { const e = [...document.querySelectorAll("[data-cy^=study-browser-thumbnail]")].find(e => e.innerText.startsWith(%q) && e.innerText.includes(%q) && !e.innerText.includes(%q));
			e?.dispatchEvent(new MouseEvent("dblclick", {bubbles: true})); return !!e; })()`, kind, with, without)
	}
	// The mask lies over the slices: pixels that are much redder than the grey picture has any.
	b.Wait(pick("SEG", "image 3", "\x00"))
	b.Wait(`(() => { for (const c of document.querySelectorAll(".cornerstone-canvas")) { const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let n = 0;
		for (let i = 0; i < d.length; i += 4) if (Math.max(d[i], d[i+1], d[i+2]) - Math.min(d[i], d[i+1], d[i+2]) > 40) n++; if (n > 500) return true; } return false; })()`)
	b.Screenshot(filepath.Join(artifacts, "ohif-segmentation.png"))
	// The lines of the report have their millimetres.
	b.Open(viewer.URL + "/viewer?report&StudyInstanceUIDs=" + study)
	b.Wait(judges.Drawn(4))
	b.Wait(pick("SR", "", "judgements"))
	b.Wait(`["Interventricular septum: 38.42 mm", "Area: 300.00 mm2", "Perimeter: 70.00 mm"].every(w => [...document.querySelectorAll("svg text")].some(e => e.textContent.includes(w)))`)
	b.Screenshot(filepath.Join(artifacts, "ohif-report.png"))
	t.Log("OHIF: the segmentation over its slices, 38.42 mm and 300.00 mm2 in the ultrasound")
}
