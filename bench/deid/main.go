// Command deid times de-identification against a pydicom walk, dcmtk's dcmodify and cp of the same files: processor time of the whole process, user
// and system, the best of some rounds in which all take turns. One worker. Ours hashes input and output with SHA-256, reads every output again and writes
// its manifest; the peers do none of that. A second row for cp has it followed by the SHA-256 of both sides (openssl, which uses the processor's instructions, or
// sha256sum): a copy that can be proved, as ours can.
// dcmodify changes copies in place; making the copies is not counted. The program is built as make build does.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

const rounds = 3

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/deid:", err)
		os.Exit(1)
	}
}

// set is files of one kind.
type set struct {
	name        string
	files       int
	rows, cols  int
	frames      int
	samples     int
	class, mode string
	perFile     bool // count files; else megabytes
	limit       float64
}

var sets = []set{
	{"CT, 0.5 MB", 400, 512, 512, 1, 1, uid.CTImageStorage, "CT", true, 750},
	{"US cine, 18 MB", 12, 480, 640, 20, 3, uid.UltrasoundMultiFrameImageStorage, "US", false, 800},
}

func run() error {
	dir, err := os.MkdirTemp("", "cineloop-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "cineloop")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-tags", "disable_grpc_modules", "-o", bin, "./cmd/cineloop")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	key, policy := filepath.Join(dir, "key"), filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(key, []byte("a secret for the benchmark alone"), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(policy, []byte("version: 1\nname: bench\noptions: [retain_safe_private, retain_patient_characteristics, retain_modified_dates, clean_descriptors, clean_structured_content, clean_graphics]\npixels: {clean: false, unsure: pass, blank_outside_sector: false}\n"), 0o600); err != nil {
		return err
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		return err
	}
	fmt.Println("name | ours | peer | ratio | limit")
	for _, s := range sets {
		in := filepath.Join(dir, s.mode)
		bytes, err := s.write(in)
		if err != nil {
			return err
		}
		amount, unit := float64(s.files), "files"
		if !s.perFile {
			amount, unit = float64(bytes)/1e6, "MB"
		}
		out := filepath.Join(dir, "out")
		programs := []struct {
			name string
			prep func() error
			cmd  func() *exec.Cmd
		}{
			{"cineloop deid", nil, func() *exec.Cmd {
				return exec.Command(bin, "deid", in, out, "--policy", policy, "--key", key, "--workers", "1")
			}},
			{"cp", nil, func() *exec.Cmd { return exec.Command("cp", "-r", in, out) }},
			{"cp and SHA-256 of both", nil, func() *exec.Cmd {
				return exec.Command("sh", "-c", "cp -r "+in+" "+out+" && "+digester()+" "+in+"/* "+out+"/* >"+out+"/sums")
			}},
			{"dcmodify", func() error { return exec.Command("cp", "-r", in, out).Run() }, func() *exec.Cmd {
				return exec.Command("sh", "-c", `exec dcmodify -q -nb -imt -ep -ma PatientName=ANON -ma PatientID=X1 -ma AccessionNumber= -ma StudyDate=20000101 -ea InstitutionName -ea SeriesDescription -ma StudyInstanceUID=2.25.1 -ma SeriesInstanceUID=2.25.2 `+out+`/*`)
			}},
			{"pydicom", nil, func() *exec.Cmd { return exec.Command("/usr/bin/python3", "bench/peers/deid.py", in, out) }},
		}
		best := map[string]float64{}
		var memory, own int64
		var hashing, starting float64
		for range rounds {
			for _, p := range programs {
				os.RemoveAll(out)
				if p.prep != nil {
					if err := p.prep(); err != nil {
						continue
					}
				}
				cmd := p.cmd()
				peak, anonymous, msg, err := watched(cmd)
				if err != nil {
					fmt.Fprintf(os.Stderr, "%s: %v: %s\n", p.name, err, strings.TrimSpace(string(msg[max(0, len(msg)-300):])))
					continue
				}
				u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
				s := float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
				if p.name == "cineloop deid" {
					memory, own = max(memory, peak), max(own, anonymous)
				}
				if b, ok := best[p.name]; !ok || s < b {
					best[p.name] = s
				}
			}
			os.RemoveAll(out)
			alone := exec.Command(bin, "deid", empty, out, "--policy", policy, "--key", key, "--workers", "1")
			if err := alone.Run(); err != nil {
				return err
			}
			if s := alone.ProcessState.UserTime().Seconds() + alone.ProcessState.SystemTime().Seconds(); starting == 0 || s < starting {
				starting = s
			}
			d, err := twoDigests(in)
			if err != nil {
				return err
			}
			if hashing == 0 || d < hashing {
				hashing = d
			}
		}
		ours := amount / best["cineloop deid"]
		for _, p := range programs[1:] {
			limit := map[string]string{"cp": "0.75", "pydicom": "7"}[p.name]
			if p.name == "cp" && !s.perFile {
				limit = "0.80"
			}
			if b, ok := best[p.name]; ok {
				fmt.Printf("%s: %s per CPU-s, peer %s | %.0f | %.0f | %.2f | %s\n", s.name, unit, p.name, ours, amount/b, ours/(amount/b), limit)
			} else {
				fmt.Printf("%s: %s per CPU-s, peer %s not installed | %.0f | | |\n", s.name, unit, p.name, ours)
			}
		}
		fmt.Printf("%s: %s per CPU-s, two SHA-256 alone | %.0f | %.0f | %.2f | \n", s.name, unit, ours, amount/hashing, ours/(amount/hashing))
		fmt.Printf("%s: start and end of a run, share of its time | %.2f | | | \n", s.name, starting/best["cineloop deid"])
		fmt.Printf("%s: memory of its own at most, MiB | %.0f | | | \n", s.name, float64(own)/1024)
		fmt.Printf("%s: %s per CPU-s | %.0f | | | %.0f\n", s.name, unit, ours, s.limit)
		fmt.Printf("%s: memory at most, MiB | %.0f | | | 64\n", s.name, float64(memory)/1024)
		if s.perFile {
			many := s
			many.files = 2000 // seconds of work: starting and ending a process must not be what is timed
			if _, err := many.write(in); err != nil {
				return err
			}
			if err := workers(bin, in, key, policy, dir, float64(many.files)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *set) write(dir string) (total int64, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	bits := 16
	if s.samples == 3 {
		bits = 8
	}
	pixels := make([]byte, s.rows*s.cols*s.frames*s.samples*bits/8)
	for i := range s.files {
		ds := dicom.NewDataSet()
		for t, v := range map[tag.Tag]string{tag.SOPClassUID: s.class, tag.SOPInstanceUID: fmt.Sprintf("1.2.826.0.1.3680043.1.%d", i), tag.StudyDate: "20200310", tag.SeriesDate: "20200310",
			tag.AcquisitionDate: "20200310", tag.ContentDate: "20200310", tag.StudyTime: "101112", tag.SeriesTime: "101113", tag.Modality: s.mode, tag.Manufacturer: "SIEMENS",
			tag.InstitutionName: "Mercy General", tag.InstitutionAddress: "1 Oak Street", tag.ReferringPhysicianName: "Roe^R", tag.StationName: "CT1", tag.StudyDescription: "CT CHEST",
			tag.SeriesDescription: "Thorax 5.0 B31f", tag.ManufacturerModelName: "Sensation 64", tag.PatientName: "Roe^Jane", tag.PatientID: "4711-08-15", tag.PatientBirthDate: "19601231",
			tag.PatientSex: "F", tag.PatientAge: "059Y", tag.AccessionNumber: "99887766", tag.BodyPartExamined: "CHEST", tag.SliceThickness: "5", tag.KVP: "120", tag.SoftwareVersions: "VA1",
			tag.ProtocolName: "Thorax Routine", tag.StudyInstanceUID: "1.2.826.0.1.3680043.2.1", tag.SeriesInstanceUID: "1.2.826.0.1.3680043.2.2", tag.FrameOfReferenceUID: "1.2.826.0.1.3680043.2.3",
			tag.StudyID: "17", tag.SeriesNumber: "2", tag.AcquisitionNumber: "1", tag.InstanceNumber: fmt.Sprint(i + 1), tag.PhotometricInterpretation: "MONOCHROME2", tag.WindowCenter: "40",
			tag.WindowWidth: "400", tag.RescaleIntercept: "-1024", tag.RescaleSlope: "1", tag.PatientPosition: "HFS", tag.ConvolutionKernel: "B31f", tag.XRayTubeCurrent: "200", tag.ExposureTime: "500"} {
			ds.SetText(t, t.VR(), v)
		}
		ds.SetText(tag.ImageType, vr.CS, "ORIGINAL", "PRIMARY", "AXIAL")
		ds.SetText(tag.PixelSpacing, vr.DS, "0.7", "0.7")
		ds.SetText(tag.ImagePositionPatient, vr.DS, "-180", "-180", fmt.Sprint(i))
		ds.SetText(tag.ImageOrientationPatient, vr.DS, "1", "0", "0", "0", "1", "0")
		if s.samples == 3 {
			ds.SetText(tag.PhotometricInterpretation, vr.CS, "RGB")
			ds.SetInts(tag.PlanarConfiguration, 0)
			ds.SetText(tag.NumberOfFrames, vr.IS, fmt.Sprint(s.frames))
			ds.SetText(tag.FrameTime, vr.DS, "20")
		}
		for g := range 40 { // what scanners add
			ds.SetText(tag.New(0x0029, 0x0010), vr.LO, "SIEMENS CSA HEADER")
			ds.SetText(tag.New(0x0029, 0x1000+uint16(g)), vr.LO, "private value")
		}
		for t, n := range map[tag.Tag]int{tag.SamplesPerPixel: s.samples, tag.Rows: s.rows, tag.Columns: s.cols, tag.BitsAllocated: bits, tag.BitsStored: bits, tag.HighBit: bits - 1, tag.PixelRepresentation: 0} {
			ds.SetInts(t, n)
		}
		for k := 0; k < len(pixels); k += 97 {
			pixels[k] = byte(k + i)
		}
		ds.SetBytes(tag.PixelData, vr.OW, pixels)
		path := filepath.Join(dir, fmt.Sprintf("%05d.dcm", i))
		if err := dicom.WriteFile(path, ds, dicom.WriteOptions{}); err != nil {
			return 0, err
		}
		st, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		total += st.Size()
	}
	return total, nil
}
