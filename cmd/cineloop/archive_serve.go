package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdio "io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/serve"
)

// archiveService is one way in which archive serve answers: it listens first, so that a port that is taken ends the command at once.
type archiveService struct {
	name   string
	listen func() (net.Listener, error)
	serve  func(context.Context, net.Listener) error
}

type archiveServeOptions struct {
	Archive string
	Key     string
	JSON    bool

	DIMSE    string // address
	AET      string
	Peers    []string
	Allow    []string
	TLS      dimse.TLSFiles
	PeerTLS  bool
	Worklist string
	MaxPDU   uint32
	Window   int
	Max      int
	Idle     time.Duration
	Timeout  time.Duration

	Web archiveWebOptions
}

func newArchiveServeCmd(io ioStreams) *cobra.Command {
	var opts archiveServeOptions
	cmd := &cobra.Command{
		Use:   "serve DIR [--dimse ADDR --aet TITLE] [--listen ADDR]",
		Short: "Answer from an archive: DICOM peers, DICOMweb, and people who look at a page",
		Long: `Listens until interrupted and answers from the archive in DIR, which is made if it is not there.

With --dimse it answers C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET and storage commitment. An object is acknowledged when it is durable.

Who may call is a list: --peer AET@host:port for those that are also sent to (C-MOVE, reports of commitment), --allow AET[@network] for
those that only call, --allow any for everybody. With --tls-ca a peer must show a certificate from it. With --worklist the DICOM files of
a folder are the modality worklist, read again for every query.

One line an association goes to the standard error output, as JSON with --json: AE titles, addresses and counts, never patients.

` + webHelp + `

Exit status: 0 interrupted while all was well, 2 wrong usage, 3 the archive or a certificate cannot be read, 4 the address cannot be listened
on, 6 a certificate is not there, 7 the archive is of a newer version.`,
		Example: `  cineloop archive serve archive --dimse :11112 --aet CINELOOP --peer PACS@pacs.example:104 --allow ECHO1@10.1.0.0/16
  cineloop archive serve archive --listen 127.0.0.1:8080 --open-loopback
  cineloop archive serve archive --dimse :2762 --aet CINELOOP --allow any --tls-cert node.pem --tls-key node.key --tls-ca hospital.pem`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Archive = args[0]
			opts.Key, _ = cmd.Flags().GetString("key")
			opts.JSON, _ = cmd.Flags().GetBool("json")
			return runArchiveServe(cmd.Context(), opts, io)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.DIMSE, "dimse", "", "address to answer DICOM peers on, as :11112")
	f.StringVar(&opts.AET, "aet", "CINELOOP", "this archive's AE title")
	f.StringArrayVar(&opts.Peers, "peer", nil, "AET@host:port of a peer that may call and is sent to (repeatable)")
	f.StringArrayVar(&opts.Allow, "allow", nil, "AET or AET@network that may call; any: everybody (repeatable)")
	f.StringVar(&opts.TLS.Cert, "tls-cert", "", "PEM certificate: peers must speak TLS")
	f.StringVar(&opts.TLS.Key, "tls-key", "", "PEM private key of the certificate")
	f.StringVar(&opts.TLS.CA, "tls-ca", "", "PEM certificates that peers' certificates must come from")
	f.BoolVar(&opts.PeerTLS, "peer-tls", false, "call peers by TLS too, with the same files")
	f.StringVar(&opts.Worklist, "worklist", "", "folder of worklist files to answer from")
	f.Uint32Var(&opts.MaxPDU, "max-pdu", ul.Defaults.MaxLength, "bytes of the longest unit that is taken")
	f.IntVar(&opts.Window, "window", 16, "operations of one peer at once, if it asks for more than one")
	f.IntVar(&opts.Max, "max-associations", 128, "associations at once")
	f.DurationVar(&opts.Idle, "idle", ul.Defaults.Idle, "silence after which an association is ended")
	f.DurationVar(&opts.Timeout, "timeout", 10*time.Minute, "wait for a peer's answer")
	opts.Web.flags(cmd)
	return cmd
}

func runArchiveServe(ctx context.Context, opts archiveServeOptions, io ioStreams) error {
	if opts.DIMSE == "" && opts.Web.Listen == "" {
		return fault.New(fault.Usage, "nothing to listen on").WithHint("give --dimse, as in --dimse :11112, or --listen, as in --listen 127.0.0.1:8080")
	}
	archive, err := openForIngest(ctx, ingestOptions{Archive: opts.Archive, Key: opts.Key})
	if err != nil {
		return err
	}
	defer archive.Close()
	var services []archiveService
	if opts.DIMSE != "" {
		s, err := dimseService(archive, opts, io)
		if err != nil {
			return err
		}
		services = append(services, s)
	}
	if opts.Web.Listen != "" {
		s, err := webService(archive, opts.Web, io)
		if err != nil {
			return err
		}
		services = append(services, s)
	}
	return serveAll(ctx, services, io)
}

// serveAll runs services until ctx ends or one of them fails.
func serveAll(ctx context.Context, services []archiveService, io ioStreams) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			l.Close()
		}
	}()
	for _, s := range services {
		l, err := s.listen()
		if err != nil {
			return fault.New(fault.Missing, "%s: %w", s.name, err)
		}
		listeners = append(listeners, l)
	}
	errs := make([]error, len(services))
	var all sync.WaitGroup
	for i, s := range services {
		fmt.Fprintf(io.Err, "%s: listening on %s\n", s.name, listeners[i].Addr())
		all.Go(func() {
			errs[i] = s.serve(ctx, listeners[i])
			cancel()
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// dimseService is the DICOM half of archive serve.
func dimseService(archive *store.Archive, opts archiveServeOptions, io ioStreams) (archiveService, error) {
	s := &dimse.Server{AETitle: opts.AET, Window: opts.Window, MaxAssociations: opts.Max, MaxPerHost: opts.Max, Timeout: opts.Timeout,
		Link: ul.Config{MaxLength: opts.MaxPDU, Idle: opts.Idle}, Note: noteTo(io.Err, opts.JSON)}
	service := archiveService{name: "DIMSE " + opts.AET, listen: func() (net.Listener, error) { return net.Listen("tcp", opts.DIMSE) }, serve: s.Serve}
	if err := pdu.CheckAE(opts.AET); err != nil {
		return service, fault.New(fault.Usage, "--aet: %w", err)
	}
	if err := admit(s, opts); err != nil {
		return service, err
	}
	if opts.TLS.Cert != "" {
		var err error
		if s.TLS, err = opts.TLS.ServerTLS(); err != nil {
			return service, err
		}
		if opts.PeerTLS {
			c, err := opts.TLS.ClientTLS()
			if err != nil {
				return service, err
			}
			for i := range s.Peers {
				s.Peers[i].TLS = c
			}
		}
	}
	serve.New(archive, opts.AET).Handlers(s)
	if opts.Worklist != "" {
		s.Worklist = serve.WorklistFolder(opts.Worklist)
	}
	return service, nil
}

// admit reads the lists of peers.
func admit(s *dimse.Server, opts archiveServeOptions) error {
	for _, text := range opts.Peers {
		p, err := dimse.ParsePeer(text)
		if err != nil {
			return err
		}
		s.Peers = append(s.Peers, p)
	}
	for _, text := range opts.Allow {
		if text == "any" {
			s.Strangers = true
			continue
		}
		p, err := dimse.ParseAllowed(text)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(s.Peers, func(q dimse.Peer) bool { return q.AETitle == p.AETitle }); i >= 0 {
			s.Peers[i].Hosts = append(s.Peers[i].Hosts, p.Hosts...)
			continue
		}
		s.Peers = append(s.Peers, p)
	}
	if len(s.Peers) == 0 && !s.Strangers {
		return fault.New(fault.Usage, "nobody may call").WithHint("name peers with --peer and --allow, or let everybody in with --allow any")
	}
	return nil
}

// noteTo writes a server's events as lines.
func noteTo(w stdio.Writer, asJSON bool) func(dimse.Event) {
	var mu sync.Mutex
	return func(e dimse.Event) {
		mu.Lock()
		defer mu.Unlock()
		reason := ""
		if e.Err != nil {
			reason = e.Err.Error()
		}
		if asJSON {
			_ = json.NewEncoder(w).Encode(map[string]any{"event": e.Kind, "peer": e.Peer, "address": e.Address, "objects": e.Objects, "failed": e.Failed, "error": reason})
			return
		}
		if e.Kind == "open" {
			return
		}
		line := fmt.Sprintf("%s %s %s", e.Kind, e.Peer, e.Address)
		if e.Objects > 0 {
			line += fmt.Sprintf(", %d objects", e.Objects)
		}
		if e.Failed > 0 {
			line += fmt.Sprintf(", %d failed", e.Failed)
		}
		if reason != "" {
			line += ": " + reason
		}
		fmt.Fprintln(w, strings.Map(noControls, line))
	}
}
