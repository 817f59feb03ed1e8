package ingest_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/ingest"
)

// zeros is a file that claims to be DICOM and goes on with n zeros.
func zeros(n int64) io.Reader {
	head := make([]byte, 132)
	copy(head[128:], "DICM")
	return io.MultiReader(bytes.NewReader(head), io.LimitReader(zero{}, n))
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestBombs: archives that come to far more than they are end where the limit is; what came before and everything beside them is kept.
func TestBombs(t *testing.T) {
	ingest.Limits(t, 1000, 3<<20)
	dir := t.TempDir()
	small := instance(t, 1, 1, nil)
	var z bytes.Buffer
	zw := zip.NewWriter(&z)
	w, _ := zw.Create("a.dcm")
	w.Write(small)
	w, _ = zw.Create("bomb.dcm")
	io.Copy(w, zeros(64<<20))
	w, _ = zw.Create("c.dcm")
	w.Write(instance(t, 1, 2, nil))
	zw.Close()
	write(t, filepath.Join(dir, "bomb.zip"), z.Bytes())
	var tb bytes.Buffer
	enc, _ := zstd.NewWriter(&tb)
	tw := tar.NewWriter(enc)
	tw.WriteHeader(&tar.Header{Name: "one.dcm", Typeflag: tar.TypeReg, Size: int64(len(small)), Mode: 0o600})
	tw.Write(small)
	tw.WriteHeader(&tar.Header{Name: "bomb.dcm", Typeflag: tar.TypeReg, Size: 132 + 64<<20, Mode: 0o600})
	io.Copy(tw, zeros(64<<20))
	tw.Close()
	enc.Close()
	write(t, filepath.Join(dir, "bomb.tar.zst"), tb.Bytes())
	// The same ten-fold in a ZIP of ZIPs, which is how a small bomb becomes a large one.
	many := map[string][]byte{}
	for i := range 10 {
		many[fmt.Sprintf("%d.zip", i)] = z.Bytes()
	}
	write(t, filepath.Join(dir, "nested.zip"), zipped(t, many))
	write(t, filepath.Join(dir, "z.dcm"), instance(t, 1, 3, nil))

	a := newArchive(t)
	s := run(t, a, ingest.Options{Sources: []string{dir}})
	if s.Stored < 2 || s.Quarantined < 3 {
		t.Errorf("%+v", s)
	}
	n := 0
	for r, k := range s.Reasons {
		if strings.Contains(r, "comes to more than") {
			n += k
		}
	}
	if n < 3 {
		t.Errorf("the bombs were not seen: %v", s.Reasons)
	}
	if _, err := a.Catalog.Lookup(ctx, "1.2.1.1.3"); err != nil {
		t.Errorf("the file beside the bombs: %v", err)
	}
	if bytes, _, err := a.Catalog.Usage(ctx); bytes > 1<<20 || err != nil {
		t.Errorf("the archive holds %d bytes, %v", bytes, err)
	}
}

// TestEndlessNesting: archives in archives end at a depth, as those that contain themselves never would.
func TestEndlessNesting(t *testing.T) {
	deep := zipped(t, map[string][]byte{"one.dcm": instance(t, 1, 1, nil)})
	for range 20 {
		deep = zipped(t, map[string][]byte{"in.zip": deep, "two.dcm": instance(t, 1, 2, nil)})
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "deep.zip"), deep)
	s := run(t, newArchive(t), ingest.Options{Sources: []string{dir}})
	if s.Stored != 1 || s.Quarantined != 1 || s.Found > 20 || !strings.Contains(fmt.Sprint(s.Reasons), "more than 8 deep") {
		t.Errorf("%+v", s)
	}
}

func TestCountlessMembers(t *testing.T) {
	ingest.Limits(t, 50, 1<<30)
	files := map[string][]byte{}
	for i := range 60 {
		files[fmt.Sprint(i)] = []byte("x")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "many.zip"), zipped(t, files))
	write(t, filepath.Join(dir, "many.tar"), tarred(t, files))
	write(t, filepath.Join(dir, "few.zip"), zipped(t, map[string][]byte{"a.tar": tarred(t, files), "b.tar": tarred(t, files)}))
	s := run(t, newArchive(t), ingest.Options{Sources: []string{dir}})
	reasons := fmt.Sprint(s.Reasons)
	if s.Quarantined < 3 || !strings.Contains(reasons, "members") || s.Skipped > 2*60+50 {
		t.Errorf("%+v", s)
	}
}

// TestNames: whatever a file or member is called, it is read, told apart from others, shown harmlessly, and nothing is written for it.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	n := 0
	next := func() []byte { n++; return instance(t, 1, n, nil) }
	members := map[string][]byte{}
	for _, name := range []string{"../../up.dcm", "/etc/abs.dcm", `C:\win.dcm`, "esc\x1b[2J.dcm", "bad\xff.dcm", "bad\xfe.dcm", "new\nline", "a/./b/../c", "", "x!/y"} {
		members[name] = next()
	}
	write(t, filepath.Join(dir, "in", "names.zip"), zipped(t, members))
	delete(members, "")
	write(t, filepath.Join(dir, "in", "names.tar"), tarred(t, members))
	for _, name := range []string{"IM1", "im1", "Im1", "bad\xff.dcm", "bad\xfe.dcm", "ünïcode", strings.Repeat("l", 255)} {
		write(t, filepath.Join(dir, "in", name), next())
	}
	before := tree(t, dir)
	a := newArchive(t)
	source := []string{filepath.Join(dir, "in")}
	first := run(t, a, ingest.Options{Sources: source})
	if first.Stored != n || first.Duplicate != 9 || first.Quarantined != 0 {
		t.Errorf("%d instances: %+v", n, first)
	}
	if after := tree(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("something was written:\n%s", strings.Join(after, "\n"))
	}
	seen, err := a.Catalog.SeenUnder(ctx, source[0])
	if err != nil || len(seen) != first.Found {
		t.Errorf("%d of %d files are told apart, %v", len(seen), first.Found, err)
	}
	for origin := range seen {
		if strings.ContainsAny(origin, "\x1b\n\x00") {
			t.Errorf("origin %q", origin)
		}
	}
	if again := run(t, a, ingest.Options{Sources: source}); again.Duplicate != first.Found {
		t.Errorf("%+v", again)
	}
	for in, want := range map[string]string{"plain": "plain", "ü": "ü", "a\xffb": `a\xffb`, "a\x1b[": `a\x1b[`, "\u0085": `\xc2\x85`, "": ""} {
		if got := ingest.Printable(in); got != want {
			t.Errorf("%q is shown as %q", in, got)
		}
	}
}

// TestLinks: links in a source or an archive are not followed; a source that is one itself is.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "real", "one.dcm"), instance(t, 1, 1, nil))
	write(t, filepath.Join(dir, "outside", "two.dcm"), instance(t, 1, 2, nil))
	os.Symlink("..", filepath.Join(dir, "real", "loop"))
	os.Symlink(filepath.Join(dir, "outside"), filepath.Join(dir, "real", "out"))
	os.Symlink(filepath.Join(dir, "outside", "two.dcm"), filepath.Join(dir, "real", "two.dcm"))
	os.Symlink("nowhere", filepath.Join(dir, "real", "dangling"))
	if err := syscall.Mkfifo(filepath.Join(dir, "real", "pipe.dcm"), 0o600); err != nil { // opening it would wait for ever
		t.Fatal(err)
	}
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, h := range []tar.Header{{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, {Name: "h", Typeflag: tar.TypeLink, Linkname: "l"},
		{Name: "dev", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5}, {Name: "d/", Typeflag: tar.TypeDir}} {
		tw.WriteHeader(&h)
	}
	tw.Close()
	write(t, filepath.Join(dir, "real", "links.tar"), b.Bytes())
	os.Symlink("real", filepath.Join(dir, "link"))
	os.Symlink(filepath.Join("outside", "two.dcm"), filepath.Join(dir, "file"))
	if s := run(t, newArchive(t), ingest.Options{Sources: []string{filepath.Join(dir, "link")}}); s.Found != 1 || s.Stored != 1 {
		t.Errorf("%+v", s)
	}
	if s := run(t, newArchive(t), ingest.Options{Sources: []string{filepath.Join(dir, "file")}}); s.Found != 1 || s.Stored != 1 {
		t.Errorf("%+v", s)
	}
}

// TestBrokenArchives: of an archive that breaks off, what is whole comes in.
func TestBrokenArchives(t *testing.T) {
	dir := t.TempDir()
	files := map[string][]byte{}
	var order []string
	for i := range 20 {
		name := fmt.Sprintf("%02d.dcm", i)
		files[name], order = instance(t, 1, i, nil), append(order, name)
	}
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, name := range order {
		tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(files[name])), Mode: 0o600})
		tw.Write(files[name])
	}
	tw.Close()
	write(t, filepath.Join(dir, "cut.tar"), b.Bytes()[:b.Len()/2])
	write(t, filepath.Join(dir, "cut.tgz"), gzipped(b.Bytes())[:200])
	good := zipped(t, map[string][]byte{"x.dcm": instance(t, 2, 1, nil), "y.dcm": instance(t, 2, 2, nil)})
	bad := bytes.Clone(good)
	bad[80] ^= 0xff // inside the first member
	write(t, filepath.Join(dir, "flipped.zip"), bad)
	write(t, filepath.Join(dir, "cut.zip"), good[:len(good)-30])
	s := run(t, newArchive(t), ingest.Options{Sources: []string{dir}})
	if s.Stored < 8 || s.Quarantined != 4 {
		t.Errorf("%+v", s)
	}
}

// TestChangedWhileRead: a file that somebody is still writing is not kept half and half.
func TestChangedWhileRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "growing.dcm")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	io.Copy(f, zeros(48<<20))
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				os.Chtimes(path, time.Time{}, time.Unix(int64(1e9+i), 0))
			}
		}
	}()
	a := newArchive(t)
	s := run(t, a, ingest.Options{Sources: []string{path}})
	close(done)
	<-stopped
	if s.Quarantined != 1 || s.Reasons["cannot be read: it changed while it was read"] != 1 {
		t.Errorf("%+v", s)
	}
	if n, _, err := a.Catalog.Usage(ctx); n != 0 || err != nil {
		t.Errorf("%d bytes are kept, %v", n, err)
	}
	write(t, path, instance(t, 1, 1, nil))
	if s := run(t, a, ingest.Options{Sources: []string{path}}); s.Stored != 1 {
		t.Errorf("once it is whole: %+v", s)
	}
}

// TestHuge: a file of a tebibyte (sparse) that is no DICOM is passed over at once; one that claims to be is refused before it is read.
func TestHuge(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.bin", "b.dcm"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "b.dcm" {
			io.Copy(f, zeros(0))
		}
		if err := f.Truncate(1 << 40); err != nil {
			t.Skip("the file system has no sparse files")
		}
		f.Close()
	}
	cfg := store.DefaultConfig()
	cfg.Quota, cfg.Reserve = 1<<30, 0
	arch := t.TempDir()
	if err := store.Init(arch, cfg); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(ctx, arch, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	s, err := ingest.Run(ctx, a, ingest.Options{Sources: []string{dir}})
	if fault.CodeOf(err) != fault.Resource || s.Skipped != 1 || s.Stored != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// nobody runs the named test of this binary as a user who may not read everything.
const nobodyVariable = "CINELOOP_TEST_NOBODY"

// TestUnreadable: folders and files that may not be read are reported and tried again by the next run; an archive that may not be
// written refuses.
func TestUnreadable(t *testing.T) {
	dir := os.Getenv(nobodyVariable)
	if dir == "" && os.Geteuid() == 0 { // root may read everything: become somebody else
		dir, err := os.MkdirTemp("/tmp", "cineloop-nobody-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		os.Chmod(dir, 0o777)
		exe, err := os.ReadFile("/proc/self/exe")
		if err != nil {
			t.Skip("no /proc")
		}
		if err := os.WriteFile(filepath.Join(dir, "exe"), exe, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(filepath.Join(dir, "exe"), "-test.run=^TestUnreadable$", "-test.v")
		cmd.Env = append(os.Environ(), nobodyVariable+"="+dir, "TMPDIR="+dir, "HOME="+dir)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if dir == "" {
		dir = t.TempDir()
	}
	in := filepath.Join(dir, "in")
	write(t, filepath.Join(in, "a.dcm"), instance(t, 1, 1, nil))
	write(t, filepath.Join(in, "secret.dcm"), instance(t, 1, 2, nil))
	write(t, filepath.Join(in, "locked", "c.dcm"), instance(t, 1, 3, nil))
	write(t, filepath.Join(in, "locked.zip"), zipped(t, map[string][]byte{"d.dcm": instance(t, 1, 4, nil)}))
	closed := []string{filepath.Join(in, "secret.dcm"), filepath.Join(in, "locked"), filepath.Join(in, "locked.zip")}
	for _, p := range closed {
		if err := os.Chmod(p, 0); err != nil {
			t.Fatal(err)
		}
	}
	cfg := store.DefaultConfig()
	cfg.Reserve = 0
	arch := filepath.Join(dir, "archive")
	if err := store.Init(arch, cfg); err != nil {
		t.Fatal(err)
	}
	a, err := store.Open(ctx, arch, store.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	s := run(t, a, ingest.Options{Sources: []string{in}})
	if s.Stored != 1 || s.Quarantined != 3 || !strings.Contains(fmt.Sprint(s.Reasons), "permission denied") || strings.Contains(fmt.Sprint(s.Reasons), "secret") {
		t.Errorf("%+v", s)
	}
	for _, p := range closed {
		os.Chmod(p, 0o700)
	}
	if s := run(t, a, ingest.Options{Sources: []string{in}}); s.Stored != 3 || s.Duplicate != 1 {
		t.Errorf("opened again: %+v", s)
	}
	a.Close()

	// An archive that may not be written any more.
	filepath.WalkDir(arch, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			defer os.Chmod(path, 0o500)
		}
		return err
	})
	os.Chmod(filepath.Join(arch, "catalog.db"), 0o400)
	if a, err := store.Open(context.Background(), arch, store.Keys{}); err == nil {
		a.Close()
		t.Error("an archive that may not be written was opened")
	} else if !strings.Contains(err.Error(), "permission denied") && !strings.Contains(err.Error(), "readonly") && !strings.Contains(err.Error(), "unable to open") {
		t.Errorf("it does not say why: %v", err)
	}
}
