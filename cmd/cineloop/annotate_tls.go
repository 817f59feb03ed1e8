package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/serve"
)

// annotateTLS is how the reading server gets a certificate without one of its owner's.
type annotateTLS struct {
	Auto  bool
	Names []string
	Dir   string
}

func (o *annotateTLS) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.Auto, "tls-auto", false, "serve HTTPS with a certificate of the built-in authority, which is made once")
	f.StringSliceVar(&o.Names, "tls-name", nil, "names and addresses by which browsers reach the server, beside those it finds")
	f.StringVar(&o.Dir, "tls-dir", "", "folder of the built-in authority (default: cineloop/tls in your configuration)")
}

// tlsConfig is how the server does TLS; nil: in the clear.
func (o annotateServeOptions) tlsConfig(io ioStreams) (*tls.Config, error) {
	if o.Cert != "" {
		return serve.LoadTLS(o.Cert, o.Key, "")
	}
	if !o.TLS.Auto {
		return nil, nil
	}
	dir := o.TLS.Dir
	if dir == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return nil, fault.New(fault.Usage, "there is no place for the authority: %w", err).WithHint("--tls-dir names one")
		}
		dir = filepath.Join(config, "cineloop", "tls")
	}
	a, err := serve.OpenAuthority(dir, serve.LocalHosts(o.Listen, o.TLS.Names))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(io.Err, "browsers have to trust %s\nits SHA-256 is %s\nthe server answers as %s\n", a.Path(), a.Fingerprint(), strings.Join(a.Hosts(), ", "))
	return a.TLS(), nil
}
