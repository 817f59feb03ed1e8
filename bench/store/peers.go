package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/ingest"
)

// sent is how many of the files the peers get, and peerRounds how often. Those that take ten seconds and more get them once.
const (
	sent       = 200
	peerRounds = 3
)

// peers times what others take to bring the first of the files in; each round in a new place that is ready and empty, the best counts.
func peers(ctx context.Context, in, dir string) error {
	some := filepath.Join(dir, "some")
	if err := os.MkdirAll(some, 0o755); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(in, "*"))
	if err != nil {
		return err
	}
	names = names[:sent]
	for _, n := range names {
		if err := os.Link(n, filepath.Join(some, filepath.Base(n))); err != nil {
			return err
		}
	}
	var ours time.Duration
	times := map[string]time.Duration{}
	order := []string{"Orthanc, STOW-RS", "Orthanc, C-STORE from storescu", "storescp, C-STORE from storescu"}
	absent := map[string]error{}
	for round := range peerRounds {
		place := filepath.Join(dir, fmt.Sprint("peers", round))
		if err := ingestSome(ctx, some, filepath.Join(place, "ours"), &ours); err != nil {
			return err
		}
		for i, name := range order {
			if absent[name] != nil || round > 0 && i > 0 {
				continue
			}
			p, err := startPeer(ctx, filepath.Join(place, fmt.Sprint(i)), i < 2)
			if err != nil {
				absent[name] = err
				continue
			}
			d := times[name]
			err = best(&d, func() error {
				if i == 0 {
					return p.stow(ctx, names, []int64{8 << 20, 64 << 20, 1 << 20}[round]) // what suits the peer better
				}
				return p.storescu(some)
			})
			times[name] = d
			p.stop()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	rate := func(d time.Duration) float64 { return sent / d.Seconds() }
	for _, name := range order {
		limit := ">= 2.00"
		if name == order[2] {
			limit = ""
		}
		if err := absent[name]; err != nil {
			fmt.Fprintf(os.Stderr, "bench/store: %s: %v\n", name, err)
			fmt.Printf("ingest 0.5 MB files, against %s | %.0f files/s | not installed | | %s\n", name, rate(ours), limit)
			continue
		}
		fmt.Printf("ingest 0.5 MB files, against %s | %.0f files/s | %.0f files/s | %.1f | %s\n", name, rate(ours), rate(times[name]), rate(ours)/rate(times[name]), limit)
	}
	return nil
}

func ingestSome(ctx context.Context, in, dir string, took *time.Duration) error {
	if err := store.Init(dir, store.DefaultConfig()); err != nil {
		return err
	}
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		return err
	}
	defer a.Close()
	return best(took, func() error {
		s, err := ingest.Run(ctx, a, ingest.Options{Sources: []string{in}})
		if err == nil && s.Stored != sent {
			err = fmt.Errorf("%d of %d files", s.Stored, sent)
		}
		return err
	})
}

// peer is a server of others on loopback.
type peer struct {
	cmd        *exec.Cmd
	port, http int
}

func startPeer(ctx context.Context, dir string, orthanc bool) (*peer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	p := &peer{}
	for _, port := range []*int{&p.port, &p.http} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		*port = l.Addr().(*net.TCPAddr).Port
		l.Close()
	}
	if orthanc {
		plugins, _ := filepath.Glob("/usr/share/orthanc/plugins/libOrthancDicomWeb.so*")
		if len(plugins) == 0 {
			return nil, fmt.Errorf("orthanc-dicomweb is not installed")
		}
		config := fmt.Sprintf(`{"Name": "bench", "StorageDirectory": %q, "IndexDirectory": %q, "DicomAet": "BENCH", "DicomPort": %d, "HttpPort": %d,
			"RemoteAccessAllowed": false, "AuthenticationEnabled": false, "DicomAlwaysAllowStore": true, "DicomCheckCalledAet": false,
			"HttpThreadsCount": 50, "Plugins": [%q], "DicomWeb": {"Enable": true}}`, dir, dir, p.port, p.http, plugins[0])
		file := filepath.Join(dir, "orthanc.json")
		if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
			return nil, err
		}
		p.cmd = exec.Command("Orthanc", file)
	} else {
		p.cmd = exec.Command("storescp", "-od", dir, "-aet", "BENCH", fmt.Sprint(p.port))
	}
	if p.cmd.Err != nil {
		return nil, p.cmd.Err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		select {
		case <-ctx.Done():
			p.stop()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		if c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", p.port)); err == nil {
			c.Close()
			return p, nil
		}
	}
	p.stop()
	return nil, fmt.Errorf("no answer after 10 s")
}

func (p *peer) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *peer) storescu(in string) error {
	out, err := exec.Command("storescu", "-aec", "BENCH", "+sd", "127.0.0.1", fmt.Sprint(p.port), in).CombinedOutput()
	if err != nil {
		return fmt.Errorf("storescu: %w: %s", err, out)
	}
	return nil
}

// stow sends requests of so many bytes.
func (p *peer) stow(ctx context.Context, names []string, bytes int64) error {
	c, err := web.NewClient(fmt.Sprintf("http://127.0.0.1:%d/dicom-web", p.http), web.ClientOptions{HTTP: &http.Client{}})
	if err != nil {
		return err
	}
	defer c.Close()
	res, err := c.Store(ctx, uploads(names), web.StoreOptions{BatchBytes: bytes})
	if err == nil && res.Stored != len(names) {
		err = fmt.Errorf("%+v", res)
	}
	return err
}

func uploads(names []string) iter.Seq2[web.Upload, error] {
	return func(yield func(web.Upload, error) bool) {
		for _, n := range names {
			info, err := os.Stat(n)
			if err != nil {
				yield(web.Upload{}, err)
				return
			}
			if !yield(web.Upload{Name: filepath.Base(n), Size: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(n) }}, nil) {
				return
			}
		}
	}
}
