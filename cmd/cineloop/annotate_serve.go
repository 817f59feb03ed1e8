package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	stdio "io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/serve"
	readingweb "github.com/cineloop/cineloop/web/reading"
)

type annotateServeOptions struct {
	Project  string
	Listen   string
	Demo     bool
	Cert     string
	Key      string
	TLS      annotateTLS
	Idle     time.Duration
	Absolute time.Duration
	Quiet    bool
	From     []string
}

// serveAnnotate makes the bare command serve.
func serveAnnotate(cmd *cobra.Command, io ioStreams) {
	var o annotateServeOptions
	f := cmd.Flags()
	f.StringVar(&o.Project, "project", "", "folder of the project to serve to browsers")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8081", "address to serve it on; port 0 takes a free one")
	f.BoolVar(&o.Demo, "demo", false, "make a study of simulated loops in --project (default cineloop-demo) if it is not there, and serve it")
	f.StringVar(&o.Cert, "tls-cert", "", "PEM certificate: serve HTTPS")
	f.StringVar(&o.Key, "tls-key", "", "PEM private key of the certificate")
	o.TLS.flags(f)
	f.DurationVar(&o.Idle, "idle", 30*time.Minute, "time without use after which a session ends")
	f.DurationVar(&o.Absolute, "session", 12*time.Hour, "time after which a session ends in any case")
	f.StringSliceVar(&o.From, "cases-from", nil, "folders of DICOM files that coordinators may add cases from, as DIR or NAME=DIR; sources.yaml in the project names more")
	f.BoolVar(&o.Quiet, "quiet", false, "log no requests on the standard error output")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		if o.Project == "" && !o.Demo {
			return c.Help()
		}
		return runAnnotateServe(c.Context(), o, io)
	}
}

func runAnnotateServe(ctx context.Context, o annotateServeOptions, io ioStreams) (err error) {
	if o.Cert != "" && o.TLS.Auto {
		return fault.New(fault.Usage, "--tls-cert or --tls-auto, not both")
	}
	if o.Cert == "" && !o.TLS.Auto && !loopbackAddress(o.Listen) {
		return fault.New(fault.Usage, "passwords and pictures would travel in the clear").WithHint("give --tls-auto, or --tls-cert and --tls-key, or listen on 127.0.0.1")
	}
	if o.Demo {
		if o.Project == "" {
			o.Project = "cineloop-demo"
		}
		if err := makeDemoStudy(ctx, o.Project, io); err != nil {
			return err
		}
	}
	p, err := annotate.Open(o.Project)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	opts, scheme := serve.Options{}, "http"
	if !o.Quiet {
		opts.Log = slog.New(slog.NewTextHandler(io.Err, nil))
	}
	if opts.TLS, err = o.tlsConfig(io); err != nil {
		return err
	}
	if opts.TLS != nil {
		opts.TLS.NextProtos = []string{"http/1.1"} // a WebSocket is taken over from HTTP/1.1
		scheme = "https"
	}
	sources, err := caseSources(o.Project, o.From)
	if err != nil {
		return err
	}
	s, err := readingweb.New(p, readingweb.Options{Sources: sources, Idle: o.Idle, Absolute: o.Absolute, Log: opts.Log})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return errors.Join(fault.New(fault.Missing, "listening on %s: %w", o.Listen, err).WithHint("choose another port, or 0"), s.Close())
	}
	if _, err := access.ReadUsers(filepath.Join(o.Project, readingweb.UsersFile)); fault.CodeOf(err) == fault.NotFound {
		fmt.Fprintf(io.Err, "nobody can log in yet: cineloop annotate user %s NAME sets a member's password\n", o.Project)
	}
	fmt.Fprintf(io.Out, "%s://%s/\n", scheme, ln.Addr())
	return s.Serve(ctx, ln, opts)
}

// caseSources are the folders that cases may come from: those of the project's sources.yaml, and the command line's.
func caseSources(project string, from []string) ([]readingweb.Source, error) {
	out, err := readingweb.ReadSources(project)
	if err != nil {
		return nil, err
	}
	for i, text := range from {
		name, dir, named := strings.Cut(text, "=")
		if !named {
			name, dir = fmt.Sprintf("folder %d", i+1), text // a folder's own name could be a patient's
		}
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			return nil, fault.New(fault.NotFound, "--cases-from: %s is no folder", dir)
		}
		if slices.ContainsFunc(out, func(s readingweb.Source) bool { return s.Name == name }) {
			return nil, fault.New(fault.Usage, "--cases-from: there are two sources called %q", name)
		}
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		out = append(out, readingweb.Source{Name: name, Path: abs})
	}
	return out, nil
}

// annotateServing are the sub-commands about who comes to the server.
var annotateServing = []annotateCommand{
	{use: "user", rest: "NAME", short: "Set a member's password for the browser", run: runAnnotateUser, args: cobra.ExactArgs(2),
		long: `Sets the password with which the member NAME logs in to the served project: asked for at a terminal, else the first line of the standard input; or,
with --generate, one that is made up and printed once. The file users.yaml in the project keeps its Argon2id hash. It can be done while the project is served: sessions
of the older password end. With --remove the member can't log in any more.

Exit status: 0 done, 2 a password that will not do, 6 no such project, member or user.`,
		example: `  cineloop annotate user study ann --generate`,
		flags: func(c *cobra.Command, o *annotateOptions) {
			c.Flags().BoolVar(&o.Generate, "generate", false, "make a password up and print it")
			c.Flags().BoolVar(&o.Remove, "remove", false, "take the password away")
		}},
	annotateAudit,
}

func runAnnotateUser(ctx context.Context, o annotateOptions, io ioStreams) error {
	p, _, err := annotate.OpenReadOnly(o.Project)
	if err != nil {
		return err
	}
	name, path := o.Rest[0], filepath.Join(o.Project, readingweb.UsersFile)
	if o.Remove {
		if err := access.RemoveUser(path, name); err != nil {
			return err
		}
		fmt.Fprintf(io.Out, "%s can't log in any more\n", name)
		return nil
	}
	if _, err := p.Me(name); err != nil {
		return fault.New(fault.NotFound, "%s is no member of the project", name).WithHint("cineloop annotate member adds members")
	}
	password := rand.Text()
	if !o.Generate {
		if password, err = readPassword(io); err != nil {
			return err
		}
	}
	if err := access.SetPassword(path, name, password); err != nil {
		return err
	}
	if o.Generate {
		fmt.Fprintln(io.Out, password)
		return nil
	}
	fmt.Fprintf(io.Out, "%s can log in\n", name)
	return nil
}

// readPassword asks at a terminal, without showing what is typed, and reads a line elsewhere.
func readPassword(io ioStreams) (string, error) {
	if f, ok := io.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(io.Err, "Password: ")
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(io.Err)
		return string(b), err
	}
	line, err := bufio.NewReader(stdio.LimitReader(io.In, 1<<12)).ReadString('\n')
	if err != nil && err != stdio.EOF {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
