package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/pixels/review"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/progress"
)

type deidReviewOptions struct {
	Dir    string
	Policy string
	Out    string
	Listen string
}

func newDeidReviewCmd(io ioStreams) *cobra.Command {
	var opts deidReviewOptions
	cmd := &cobra.Command{
		Use:   "review DIR",
		Short: "Look at what would be blanked, by kind of device, and decide",
		Long: `Sorts the images under DIR by manufacturer, model, software, image type and size, examines some of each kind, and shows them on a page with the masks
drawn, the doubtful kinds first. Each kind can be accepted, fixed by dragging rectangles, passed, or held back. Decisions become device rules: after each
one, --out is written as a policy, the one of --policy with the rules before its own, for cineloop deid --policy.

DIR holds patients' images and nothing in it is changed. The page is served to this computer only, on the address that is printed, which has a token that
only you see. The command ends with Ctrl-C.

Exit status: 0 ended with Ctrl-C, 2 wrong usage or an address that other machines reach, 3 no images, 6 DIR or the policy is not there, 8 --out could not
be written.`,
		Example: `  cineloop deid review pacs/ --out reviewed.yaml
  cineloop deid pacs/ research/ --key project.key --policy reviewed.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Dir = args[0]
			return runDeidReview(cmd.Context(), opts, io)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Policy, "policy", "research", "policy file, or the name of a built-in policy")
	f.StringVar(&opts.Out, "out", "reviewed.yaml", "policy file to write after each decision")
	f.StringVar(&opts.Listen, "listen", "127.0.0.1:0", "loopback address to serve on; port 0 takes a free one")
	return cmd
}

func runDeidReview(ctx context.Context, opts deidReviewOptions, io ioStreams) error {
	policy, err := deid.LoadPolicy(opts.Policy)
	if err != nil {
		return err
	}
	pixels := policy.Pixels
	pixels.Clean = true // what is there to review otherwise
	l, err := net.Listen("tcp", opts.Listen)
	if err != nil {
		return fault.New(fault.Usage, "--listen: %w", err)
	}
	defer l.Close()
	rules := policy.Pixels.Devices
	save := func(decided []deid.DeviceRule) error {
		p := *policy
		p.Pixels.Devices = append(append([]deid.DeviceRule(nil), decided...), rules...)
		b, err := p.YAML()
		if err != nil {
			return err
		}
		return atomicfile.WriteBytes(opts.Out, b)
	}
	if _, err := review.NewServer(nil, l.Addr().String(), save); err != nil {
		return err // an address that others reach is refused before hours are spent
	}
	bar := progress.New(io.Err, "kinds of images", -1)
	groups, err := review.Survey(ctx, opts.Dir, pixels, func(done, _ int) { bar.Set(int64(done)) })
	bar.Close()
	if err != nil {
		return err
	}
	s, err := review.NewServer(groups, l.Addr().String(), save)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = srv.Shutdown(stop) // open connections are closed with the process
	}()
	fmt.Fprintf(io.Out, "%d kinds of images. Open %s\nDecisions are written to %s. End with Ctrl-C.\n", len(groups), s.URL(), opts.Out)
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fault.New(fault.Resource, "serving the page: %w", err)
	}
	fmt.Fprintf(io.Out, "%d kinds decided\n", len(s.Rules()))
	return nil
}
