package dimse

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/dicom/dimse/dimsetest"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

func TestTLS(t *testing.T) {
	ours, theirs := dimsetest.NewAuthority(t), dimsetest.NewAuthority(t)
	node, client, stranger := TLSFiles(ours.Issue(t, "node")), TLSFiles(ours.Issue(t, "client")), TLSFiles(theirs.Issue(t, "stranger"))
	stranger.CA = ours.File
	serverTLS, err := node.ServerTLS()
	if err != nil {
		t.Fatal(err)
	}
	p := newPACS()
	s := serverFor(p)
	s.TLS = serverTLS
	peer := start(t, s)
	call := func(f TLSFiles, change func(*tls.Config)) error {
		to := peer
		var err error
		if to.TLS, err = f.ClientTLS(); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(to.TLS)
		}
		list := instances(t, 1, 3)
		c, err := (&Dialer{AETitle: "TEST"}).Dial(t.Context(), to, OffersFor(list)...)
		if err != nil {
			return err
		}
		if err := c.StoreAll(t.Context(), list, StoreOptions{}, func(_ int, _ Status, err error) {
			if err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Error(err)
		}
		return c.Close()
	}
	if err := call(client, nil); err != nil || len(p.order) != 3 {
		t.Fatalf("%v, %d stored", err, len(p.order))
	}
	if err := call(client, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
	for name, err := range map[string]error{
		"a certificate of another authority": call(stranger, nil),
		"no certificate":                     call(TLSFiles{CA: ours.File}, nil),
		"a server that is not trusted":       call(TLSFiles{Cert: client.Cert, Key: client.Key, CA: theirs.File}, nil),
		"TLS 1.1":                            call(client, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }),
		"a cipher without forward secrecy": call(client, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}),
	} {
		if err == nil {
			t.Errorf("%s is let in", name)
		}
	}
	// Plain text against TLS, and the other way round.
	if _, err := (&Dialer{AETitle: "TEST"}).Dial(t.Context(), peer, Offer{SOPClass: uid.Verification, Syntaxes: nativeSyntaxes}); err == nil {
		t.Error("plain text was answered")
	}
	plain := start(t, serverFor(p))
	if plain.TLS, err = client.ClientTLS(); err != nil {
		t.Fatal(err)
	}
	plain2 := &Dialer{AETitle: "TEST"}
	if _, err := plain2.Dial(t.Context(), plain, Offer{SOPClass: uid.Verification, Syntaxes: nativeSyntaxes}); fault.CodeOf(err) != fault.Input {
		t.Errorf("TLS to a plain peer: %v", err)
	}
}

func TestTLSFiles(t *testing.T) {
	a := dimsetest.NewAuthority(t)
	good := TLSFiles(a.Issue(t, "node"))
	notPEM := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(notPEM, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		f    TLSFiles
		want fault.Code
	}{
		"no certificate": {TLSFiles{Cert: "/nowhere", Key: good.Key}, fault.NotFound}, "no key": {TLSFiles{Cert: good.Cert, Key: notPEM}, fault.Input},
		"no authority": {TLSFiles{Cert: good.Cert, Key: good.Key, CA: "/nowhere"}, fault.NotFound}, "not PEM": {TLSFiles{Cert: good.Cert, Key: good.Key, CA: notPEM}, fault.Input},
	} {
		if _, err := c.f.ServerTLS(); fault.CodeOf(err) != c.want {
			t.Errorf("server, %s: %v", name, err)
		}
		if _, err := c.f.ClientTLS(); fault.CodeOf(err) != c.want {
			t.Errorf("client, %s: %v", name, err)
		}
	}
	if c, err := (TLSFiles{}).ClientTLS(); err != nil || c.RootCAs != nil || len(c.Certificates) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}
