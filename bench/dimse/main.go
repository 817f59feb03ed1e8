// Command dimse times sending 300 CT-like objects of 207 kB: from dcmtk's storescu to cineloop archive serve, to dcmtk's storescp and to
// Orthanc, taking turns, and from our own SCU to our archive. Everything is on loopback and on one disk. Ours acknowledges what is on
// the disk; the peers acknowledge what is in the system's memory. storescp runs with the longest PDU that it has, which makes it fastest.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/serve"
)

const (
	objects = 300
	rounds  = 2
	window  = 32
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/dimse:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	dir, err := os.MkdirTemp("", "cineloop-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	in := filepath.Join(dir, "in")
	list, err := makeObjects(in)
	if err != nil {
		return err
	}
	var ours, own, storescp, orthanc time.Duration
	for round := range rounds {
		sub := filepath.Join(dir, fmt.Sprint(round))
		if err := timeOurs(ctx, sub, in, list, &ours, &own); err != nil {
			return err
		}
		settle(dir)
		if err := timePeer(sub, in, &storescp, startStorescp); err != nil {
			return err
		}
		settle(dir)
		if err := timePeer(sub, in, &orthanc, startOrthanc); err != nil {
			return err
		}
		settle(dir)
	}
	fmt.Println("name | ours | peer | ratio | limit")
	for _, p := range []struct {
		name string
		took time.Duration
	}{{"storescp", storescp}, {"Orthanc", orthanc}} {
		if p.took == 0 || ours == 0 {
			fmt.Printf("C-STORE 300 x 207 kB from storescu, peer %s | | not installed | | <= 3 s\n", p.name)
			continue
		}
		fmt.Printf("C-STORE 300 x 207 kB from storescu, peer %s | %.2f s | %.2f s | %.1f | <= 3 s\n", p.name, ours.Seconds(), p.took.Seconds(), p.took.Seconds()/ours.Seconds())
	}
	rate := objects / own.Seconds()
	fmt.Printf("C-STORE 300 x 207 kB, ours to ours, %d at once | %.0f objects/s | | | >= 500 objects/s\n", window, rate)
	return nil
}

// timeOurs sends to an archive of ours: with storescu, and then with our own SCU to a second archive.
func timeOurs(ctx context.Context, sub, in string, list []dimse.Instance, scu, own *time.Duration) error {
	if _, err := exec.LookPath("storescu"); err == nil {
		err := withArchive(ctx, filepath.Join(sub, "a"), func(peer dimse.Peer) error {
			return best(scu, func() error { return storescu(peer.Address, in) })
		})
		if err != nil {
			return err
		}
	}
	return withArchive(ctx, filepath.Join(sub, "b"), func(peer dimse.Peer) error {
		return best(own, func() error {
			d := dimse.Dialer{AETitle: "BENCH", Window: window}
			c, err := d.Dial(ctx, peer, dimse.OffersFor(list)...)
			if err != nil {
				return err
			}
			var failed error
			err = c.StoreAll(ctx, list, dimse.StoreOptions{}, func(_ int, _ dimse.Status, err error) {
				if err != nil {
					failed = err
				}
			})
			return errors.Join(err, failed, c.Close())
		})
	})
}

// withArchive serves a new archive for one measurement, and looks whether all is in it.
func withArchive(ctx context.Context, dir string, do func(dimse.Peer) error) error {
	if err := store.Init(dir, store.DefaultConfig()); err != nil {
		return err
	}
	a, err := store.Open(ctx, dir, store.Keys{})
	if err != nil {
		return err
	}
	defer a.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &dimse.Server{AETitle: "CINELOOP", Strangers: true, Window: window}
	archive := serve.New(a, "CINELOOP")
	archive.Handlers(s)
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	err = do(dimse.Peer{AETitle: "CINELOOP", Address: l.Addr().String()})
	stop()
	if serr := <-done; err == nil {
		err = serr
	}
	if err != nil {
		return err
	}
	rep, err := a.Verify(context.Background(), store.VerifyOptions{Quick: true})
	if err == nil && rep.Checked != objects {
		err = fmt.Errorf("%d of %d objects are in the archive", rep.Checked, objects)
	}
	return err
}

// timePeer starts a peer, sends with storescu, and ends it. One that is not installed leaves took at 0.
func timePeer(sub, in string, took *time.Duration, start func(dir string, port int) (*exec.Cmd, error)) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	cmd, err := start(sub, port)
	if errors.Is(err, exec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return best(took, func() error { return storescu(addr, in) })
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("%s does not listen", cmd.Path)
}

func startStorescp(dir string, port int) (*exec.Cmd, error) {
	out := filepath.Join(dir, "storescp")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	return begin(exec.Command("storescp", "-aet", "CINELOOP", "-od", out, "--max-pdu", "131072", fmt.Sprint(port)))
}

func startOrthanc(dir string, port int) (*exec.Cmd, error) {
	out := filepath.Join(dir, "orthanc")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	http, err := freePort()
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`{"Name": "bench", "StorageDirectory": %q, "IndexDirectory": %q, "DicomAet": "CINELOOP", "DicomPort": %d, "HttpPort": %d,
		"RemoteAccessAllowed": false, "AuthenticationEnabled": false, "DicomAlwaysAllowStore": true, "DicomCheckCalledAet": false, "Plugins": []}`, out, out, port, http)
	file := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	return begin(exec.Command("Orthanc", file))
}

func begin(cmd *exec.Cmd) (*exec.Cmd, error) {
	if cmd.Err != nil {
		return nil, cmd.Err
	}
	return cmd, cmd.Start()
}

func storescu(addr, in string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	out, err := exec.Command("storescu", "-aec", "CINELOOP", "+sd", host, port, in).CombinedOutput()
	if err != nil {
		return fmt.Errorf("storescu: %w: %s", err, out)
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// settle waits until the disk has everything.
func settle(dir string) { _ = exec.Command("sync", "-f", dir).Run() }

func best(d *time.Duration, do func() error) error {
	start := time.Now()
	err := do()
	if took := time.Since(start); err == nil && (*d == 0 || took < *d) {
		*d = took
	}
	return err
}

// makeObjects writes CT-like instances of 207 kB, 320 x 320 of 16 bit.
func makeObjects(dir string) ([]dimse.Instance, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	list := make([]dimse.Instance, objects)
	pixels := make([]byte, 320*320*2)
	x := uint32(2463534242)
	for i := range objects {
		for k := range pixels {
			x ^= x << 13
			x ^= x >> 17
			x ^= x << 5
			pixels[k] = byte(x)
			if k%2 == 1 {
				pixels[k] &= 15
			}
		}
		ds := dicom.NewDataSet()
		ds.SetString(tag.SOPClassUID, uid.CTImageStorage)
		ds.SetString(tag.SOPInstanceUID, fmt.Sprintf("1.2.3.4.%d", i))
		ds.SetString(tag.StudyInstanceUID, "1.2.3")
		ds.SetString(tag.SeriesInstanceUID, "1.2.3.4")
		ds.SetString(tag.PatientID, "P1")
		ds.SetString(tag.PatientName, "Bench^Dimse")
		ds.SetString(tag.StudyDate, "20240101")
		ds.SetString(tag.Modality, "CT")
		ds.SetString(tag.InstanceNumber, fmt.Sprint(i))
		for t, n := range map[tag.Tag]int{tag.Rows: 320, tag.Columns: 320, tag.BitsAllocated: 16, tag.BitsStored: 12, tag.HighBit: 11,
			tag.PixelRepresentation: 0, tag.SamplesPerPixel: 1} {
			ds.SetInts(t, n)
		}
		ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
		ds.SetBytes(tag.PixelData, vr.OW, pixels)
		path := filepath.Join(dir, fmt.Sprintf("%04d.dcm", i))
		if err := dicom.WriteFile(path, ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
			return nil, err
		}
		var err error
		if list[i], err = dimse.FileInstance(path); err != nil {
			return nil, err
		}
	}
	return list, nil
}
