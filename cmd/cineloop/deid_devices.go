package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/pixels"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
)

func newDeidDevicesCmd(io ioStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "devices",
		Short: "Carry rules for known devices from one policy to another",
		Long: `A device rule says by manufacturer, model, software, image type and size where a kind of device writes on its pictures. The program has some of its own; cineloop deid
review makes more. As a file they can be shared between sites: they hold nothing of patients.`,
	}
	export := &cobra.Command{
		Use:   "export [POLICY]",
		Short: "Print a policy's device rules, and those of the program, as YAML",
		Long: `Without POLICY, the program's own rules.

Exit status: 0 done, 2 the policy makes no sense, 6 it is not there.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			rules := pixels.Catalogue()
			if len(args) == 1 {
				p, err := deid.LoadPolicy(args[0])
				if err != nil {
					return err
				}
				rules = append(p.Pixels.Devices[:len(p.Pixels.Devices):len(p.Pixels.Devices)], rules...)
			}
			raw, err := deid.DevicesYAML(rules)
			if err == nil {
				_, err = io.Out.Write(raw)
			}
			return err
		},
	}
	var policy, out string
	take := &cobra.Command{
		Use:   "import FILE...",
		Short: "Write a policy with the device rules of files before its own",
		Long: `Rules that the policy or the program has already are not repeated; the first rule that holds for an object decides.

Exit status: 0 done, 2 a file makes no sense, 6 it is not there, 8 --out can't be written.`,
		Example: `  cineloop deid devices import echo-lab.yaml --policy research --out ours.yaml`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := deid.LoadPolicy(policy)
			if err != nil {
				return err
			}
			var rules []deid.DeviceRule
			for _, file := range args {
				raw, err := os.ReadFile(file)
				if err != nil {
					return fault.New(fault.NotFound, "reading device rules: %w", err)
				}
				more, err := deid.ParseDevices(file, raw)
				if err != nil {
					return err
				}
				rules = append(rules, more...)
			}
			p.Pixels.Devices = deid.MergeDevices(rules, p.Pixels.Devices, pixels.Catalogue())
			if err := p.Validate(); err != nil {
				return err
			}
			raw, err := p.YAML()
			if err != nil {
				return err
			}
			if out == "" {
				_, err = io.Out.Write(raw)
				return err
			}
			return atomicfile.WriteBytes(out, raw)
		},
	}
	take.Flags().StringVar(&policy, "policy", "research", "policy file, or the name of a built-in policy")
	take.Flags().StringVar(&out, "out", "", "policy file to write; default standard output")
	cmd.AddCommand(export, take)
	return cmd
}
