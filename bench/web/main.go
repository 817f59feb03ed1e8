// Command web times a DICOMweb service over an archive against Orthanc's plugin: storing, retrieving and searching the same 300 CT slices
// of 207 kB, with the same client, the two taking turns; the best of some rounds and of two ways to send (one connection, four). Both
// make what they confirm durable: Orthanc by its default, SyncStorageArea. Without it, its rate stands in a row of its own.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/dicomweb"
)

const (
	slices300 = 300
	rounds    = 3
)

func main() {
	do := run
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		do = func(ctx context.Context) error { return serveArchive(ctx, os.Args[2]) }
	}
	if err := do(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/web:", err)
		os.Exit(1)
	}
}

// service is one side.
type service struct {
	name                      string
	client                    *web.Client
	store, fetch, meta, query time.Duration // the best
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "cineloop-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ours, stop, err := startOurs(ctx, filepath.Join(dir, "archive"))
	if err != nil {
		return err
	}
	defer stop()
	services := []*service{ours}
	var peers []*service
	for _, sync := range []bool{true, false} {
		p, stop, err := startOrthanc(ctx, filepath.Join(dir, fmt.Sprint("orthanc", sync)), sync)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench/web: no Orthanc:", err)
			break
		}
		defer stop()
		peers = append(peers, p)
	}
	services = append(services, peers...)
	for round := range rounds {
		for i := range services {
			s := services[(i+round)%len(services)] // nobody is always first
			if err := s.once(ctx, round); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	report(ours, peers)
	return nil
}

func report(ours *service, peers []*service) {
	fmt.Println("name | ours | peer | ratio | limit")
	row := func(what, unit string, n float64, of func(*service) time.Duration, p *service, limit string) {
		o, q := n/of(ours).Seconds(), n/of(p).Seconds()
		fmt.Printf("%s, %s | %.0f %s | %.0f %s | %.2f | %s\n", what, p.name, o, unit, q, unit, o/q, limit)
	}
	for _, p := range peers {
		limit := ""
		if p == peers[0] {
			limit = ">= 2"
		}
		row("STOW-RS 300 x 207 kB", "objects/s", slices300, func(s *service) time.Duration { return s.store }, p, limit)
		row("WADO-RS study, as stored", "objects/s", slices300, func(s *service) time.Duration { return s.fetch }, p, "")
		row("WADO-RS metadata of 300", "objects/s", slices300, func(s *service) time.Duration { return s.meta }, p, "")
		row("QIDO-RS 300 instances", "objects/s", slices300, func(s *service) time.Duration { return s.query }, p, "")
	}
	if len(peers) == 0 {
		fmt.Printf("STOW-RS 300 x 207 kB | %.0f objects/s | no Orthanc here | | >= 2\n", slices300/ours.store.Seconds())
	}
}

// once stores new studies, fetches and searches them.
func (s *service) once(ctx context.Context, round int) error {
	for _, lanes := range []int{1, 4} {
		study := fmt.Sprintf("1.2.826.0.1.3680043.10.1.%d.%d", round+1, lanes)
		files, err := makeStudy(study)
		if err != nil {
			return err
		}
		if err := best(&s.store, func() error { return s.send(ctx, files, lanes) }); err != nil {
			return err
		}
		at := web.Resource{Study: study}
		for _, step := range []struct {
			to *time.Duration
			do func() (int, error)
		}{
			{&s.fetch, func() (int, error) { return s.retrieve(ctx, at) }},
			{&s.meta, func() (int, error) { return count(s.client.Metadata(ctx, at)) }},
			{&s.query, func() (int, error) { return count(s.client.Search(ctx, web.Query{Level: web.Instances, Within: at})) }},
		} {
			if err := best(step.to, func() error {
				n, err := step.do()
				if err == nil && n != slices300 {
					err = fmt.Errorf("%d of %d objects", n, slices300)
				}
				return err
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *service) send(ctx context.Context, files []web.Upload, lanes int) error {
	g, ctx := errgroup.WithContext(ctx)
	for part := range slices.Chunk(files, (len(files)+lanes-1)/lanes) {
		g.Go(func() error {
			res, err := s.client.Store(ctx, func(yield func(web.Upload, error) bool) {
				for _, f := range part {
					if !yield(f, nil) {
						return
					}
				}
			}, web.StoreOptions{})
			if err == nil && res.Stored != len(part) {
				err = fmt.Errorf("%+v of %d", res, len(part))
			}
			return err
		})
	}
	return g.Wait()
}

func (s *service) retrieve(ctx context.Context, at web.Resource) (n int, err error) {
	for p, err := range s.client.Retrieve(ctx, at, "*") {
		if err != nil {
			return n, err
		}
		if _, err := io.Copy(io.Discard, p); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func count[T any](seq func(func(T, error) bool)) (n int, err error) {
	seq(func(_ T, e error) bool {
		if err = e; e == nil {
			n++
		}
		return e == nil
	})
	return n, err
}

func best(d *time.Duration, do func() error) error {
	start := time.Now()
	err := do()
	if took := time.Since(start); *d == 0 || took < *d {
		*d = took
	}
	return err
}

// startOurs starts this program again as a service over a new archive, the way cineloop archive serve does: a process of its own, as
// Orthanc is.
func startOurs(ctx context.Context, dir string) (*service, func(), error) {
	if err := store.Init(dir, store.DefaultConfig()); err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, self, "serve", dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, nil, err
	}
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		stop()
		return nil, nil, err
	}
	c, err := web.NewClient("http://"+addr+"/dicom-web", web.ClientOptions{})
	return &service{name: "cineloop", client: c}, stop, err
}

// serveArchive is the other process.
func serveArchive(ctx context.Context, dir string) error {
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		return err
	}
	defer a.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	return serve.Run(ctx, ln, web.NewServer(dicomweb.New(a), web.Options{}), serve.Options{})
}

// startOrthanc starts Orthanc with its DICOMweb plugin on an empty database.
func startOrthanc(ctx context.Context, dir string, sync bool) (*service, func(), error) {
	path, err := exec.LookPath("Orthanc")
	if err != nil {
		return nil, nil, err
	}
	const plugin = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
	if _, err := os.Stat(plugin); err != nil {
		return nil, nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	config, err := json.Marshal(map[string]any{"StorageDirectory": dir, "IndexDirectory": dir, "HttpPort": port, "DicomServerEnabled": false,
		"RemoteAccessAllowed": false, "AuthenticationEnabled": false, "SyncStorageArea": sync, "HttpThreadsCount": 50,
		"Plugins": []string{plugin}, "DicomWeb": map[string]any{"Enable": true, "Root": "/dicom-web/"}})
	if err != nil {
		return nil, nil, err
	}
	file := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, path, file)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	for range 300 {
		if resp, err := http.Get(base + "/system"); err == nil {
			resp.Body.Close()
			name := "Orthanc"
			if !sync {
				name = "Orthanc without sync"
			}
			c, err := web.NewClient(base+"/dicom-web", web.ClientOptions{})
			return &service{name: name, client: c}, stop, err
		}
		time.Sleep(100 * time.Millisecond)
	}
	stop()
	return nil, nil, errors.New("it does not answer: " + log.String())
}

// makeStudy is 300 CT slices of 322 × 322 pixels, 207 kB each.
func makeStudy(study string) ([]web.Upload, error) {
	const side = 322
	pixels := make([]byte, side*side*2)
	x := uint32(2463534242)
	for k := range pixels {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		if pixels[k] = byte(x); k%2 == 1 {
			pixels[k] &= 15
		}
	}
	var out []web.Upload
	for i := range slices300 {
		ds := dicom.NewDataSet()
		for t, v := range map[tag.Tag]string{tag.SOPClassUID: uid.CTImageStorage, tag.SOPInstanceUID: fmt.Sprintf("%s.1.%d", study, i+1), tag.StudyInstanceUID: study,
			tag.SeriesInstanceUID: study + ".1", tag.PatientID: "P1", tag.PatientName: "Bench^One", tag.StudyDate: "20240101", tag.Modality: "CT",
			tag.InstanceNumber: fmt.Sprint(i + 1), tag.PhotometricInterpretation: "MONOCHROME2"} {
			ds.SetString(t, v)
		}
		for t, v := range map[tag.Tag]int{tag.Rows: side, tag.Columns: side, tag.BitsAllocated: 16, tag.BitsStored: 12, tag.HighBit: 11, tag.PixelRepresentation: 0, tag.SamplesPerPixel: 1} {
			ds.SetInts(t, v)
		}
		pixels[i]++
		ds.SetBytes(tag.PixelData, vr.OW, bytes.Clone(pixels))
		var b bytes.Buffer
		if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
			return nil, err
		}
		out = append(out, web.Upload{Size: int64(b.Len()), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }})
	}
	return out, nil
}
