package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/serve"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/dicomweb"
	"github.com/cineloop/cineloop/web/browse"
)

// archiveWebOptions are the flags of the DICOMweb half of archive serve.
type archiveWebOptions struct {
	Listen   string // address; "": not served
	Tokens   string
	Loopback bool // no token needed on this machine
	Cert     string
	Key      string
	ClientCA string
	Plain    bool // HTTP without TLS beyond this machine
	BaseURL  string
	Origins  []string
	NoPage   bool
	Quiet    bool
	MaxBody  int64
	Rate     float64
}

// webHelp is what archive serve's help says of this half.
const webHelp = `With --listen it answers DICOMweb (QIDO-RS, WADO-RS, WADO-URI, STOW-RS) under /dicom-web and shows a page of the studies. Every request
needs a token of the file that --tokens names (see cineloop token): role read for searching and seeing, write for storing. Only with
--open-loopback may programs and browsers on this machine do everything without one. Beyond this machine TLS is needed (--web-tls-cert),
unless --web-plain says that something in front speaks it. One line a request is logged: route template, status, name of the token.`

func (o *archiveWebOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.Listen, "listen", "", "address to serve DICOMweb and the page on, as 127.0.0.1:8080 or :8443")
	f.StringVar(&o.Tokens, "tokens", "", "file of tokens (cineloop token add)")
	f.BoolVar(&o.Loopback, "open-loopback", false, "let programs on this machine do everything without a token")
	f.StringVar(&o.Cert, "web-tls-cert", "", "PEM certificate: serve HTTPS")
	f.StringVar(&o.Key, "web-tls-key", "", "PEM private key of the certificate")
	f.StringVar(&o.ClientCA, "web-tls-ca", "", "PEM certificates that clients' certificates must come from")
	f.BoolVar(&o.Plain, "web-plain", false, "serve HTTP beyond this machine: a proxy in front speaks TLS")
	f.StringVar(&o.BaseURL, "web-url", "", "URL of the DICOMweb service as clients see it, where a proxy is in front")
	f.StringArrayVar(&o.Origins, "web-origin", nil, "origin whose pages may use the service, as https://viewer.example (repeatable)")
	f.BoolVar(&o.NoPage, "no-page", false, "DICOMweb only")
	f.BoolVar(&o.Quiet, "web-quiet", false, "log no requests")
	f.Int64Var(&o.MaxBody, "web-max-body", 0, "bytes of one store request; 0: no limit")
	f.Float64Var(&o.Rate, "web-rate", 500, "requests a second of one address")
}

// webService is the DICOMweb half of archive serve.
func webService(a *store.Archive, o archiveWebOptions, io ioStreams) (archiveService, error) {
	s := archiveService{name: "DICOMweb", listen: func() (net.Listener, error) { return net.Listen("tcp", o.Listen) }}
	if o.Tokens == "" && !o.Loopback {
		return s, fault.New(fault.Usage, "nobody could do anything").WithHint("give --tokens, made by cineloop token add, or --open-loopback for this machine alone")
	}
	if o.Cert == "" && !o.Plain && !loopbackAddress(o.Listen) {
		return s, fault.New(fault.Usage, "tokens and images would travel in the clear").WithHint("give --web-tls-cert and --web-tls-key, or --web-plain where a proxy in front speaks TLS")
	}
	policy, err := access.Open(access.Options{File: o.Tokens, Loopback: o.Loopback})
	if err != nil {
		return s, err
	}
	opts := serve.Options{Origins: o.Origins, Rate: o.Rate}
	if !o.Quiet {
		opts.Log = slog.New(slog.NewTextHandler(io.Err, nil))
	}
	if o.Cert != "" {
		if opts.TLS, err = serve.LoadTLS(o.Cert, o.Key, o.ClientCA); err != nil {
			return s, err
		}
	}
	handler := webHandler(a, o, policy)
	if _, err := serve.Handler(handler, opts); err != nil { // a bad origin ends the command here, not after listening
		return s, err
	}
	s.serve = func(ctx context.Context, ln net.Listener) error { return serve.Run(ctx, ln, handler, opts) }
	return s, nil
}

// webHandler is everything that is answered over HTTP, each resource behind the role that it needs.
func webHandler(a *store.Archive, o archiveWebOptions, policy *access.Policy) http.Handler {
	backend := dicomweb.New(a)
	server := web.NewServer(backend, web.Options{MaxBody: o.MaxBody, BaseURL: strings.TrimRight(o.BaseURL, "/"), From: func(r *http.Request) string {
		who, _ := access.From(r.Context())
		return "dicomweb:" + who.Name
	}})
	mux := http.NewServeMux()
	for _, r := range server.Routes() {
		role := access.Read
		if r.Writes {
			role = access.Write
		}
		mux.Handle(r.Pattern, policy.Require(role, r.Handler))
	}
	if !o.NoPage {
		browse.New(backend, policy, "/dicom-web").Register(mux)
	}
	return mux
}

func loopbackAddress(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
