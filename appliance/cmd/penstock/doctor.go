package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"penstock/appliance"
	"penstock/appliance/config"
	"penstock/tuning"
)

// doctor is one visit to a host.
type doctor struct {
	root    string // of the file system with /proc and /sys
	user    int    // who asks
	format  string
	apply   bool
	measure bool
}

var doctorFormats = []string{"text", "json", "sysctl"}

// errToChange is the end of a visit that found something; what, was told.
var errToChange = errors.New("")

func newDoctorCommand() *cobra.Command {
	d := &doctor{root: "/", user: os.Geteuid()}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what of this host should be changed for the appliance, why, and how",
		Long: `Look at this host as 'penstock serve' with the same settings would find it, and print for each thing what it is, what it should be,
why, and how to change it.

Nothing is changed, but for a file of a megabyte that is written in the data directory for three seconds at most, to see what a sync takes,
and is gone afterwards. --apply sets the kernel's parameters (sysctl), as root, until the next start of the machine; --format sysctl prints
them as a file of /etc/sysctl.d, which keeps them. The rest is for a person to change: the lines to type are printed.

Where an appliance runs on the data directory, the limits looked at are that process's; else they are those of the doctor itself, and a
unit may set others. --measure also tries, for some seconds, what the appliance's own tunings buy on this machine.

Exit codes: 0 all is well (and always with --format sysctl), 1 there is something to change, 2 the command line or the configuration is wrong and nothing was done.`,
		Example: `  penstock doctor
  penstock doctor --config /etc/penstock.yaml --format json
  sudo penstock doctor --data-dir /var/lib/penstock --apply
  penstock doctor --format sysctl | sudo tee /etc/sysctl.d/90-penstock.conf`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&d.apply, "apply", false, "set the kernel's parameters that should be changed, until the machine's next start")
	flags.StringVar(&d.format, "format", "text", "how to print: "+strings.Join(doctorFormats, ", "))
	flags.BoolVar(&d.measure, "measure", false, "measure what the appliance's own tunings buy here, for some seconds")
	load := addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		e, err := load()
		if err == nil {
			err = d.check()
		}
		if err != nil {
			return err
		}
		return d.visit(cmd.Context(), &e.Config, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// check says what is wrong with the command line.
func (d *doctor) check() error {
	switch {
	case d.format != "text" && d.format != "json" && d.format != "sysctl":
		return &usageError{fmt.Errorf("--format is %q; choose from %s", d.format, strings.Join(doctorFormats, ", "))}
	case d.format == "sysctl" && (d.apply || d.measure):
		return &usageError{errors.New("--format sysctl prints a file, and goes with neither --apply nor --measure")}
	case d.apply && d.user != 0:
		return &usageError{errors.New("--apply needs root: nothing was changed; try sudo, or type what is printed without --apply")}
	}
	return nil
}

// report is what a visit found, as --format json prints it.
type report struct {
	Host     hostReport        `json:"host"`
	Advice   []tuning.Advice   `json:"advice"`
	Applied  []tuning.Applied  `json:"applied,omitempty"`
	Measured []tuning.Measured `json:"measured,omitempty"`
	ToChange int               `json:"to_change"`
}

type hostReport struct {
	Kernel  string `json:"kernel"`
	CPUs    int    `json:"cpus"`
	Memory  int64  `json:"memory_bytes"`
	DataDir string `json:"data_dir"`
	PID     int    `json:"limits_of_pid"`
}

// visit looks, changes what it is told to, and tells. errToChange: there is something left to change.
func (d *doctor) visit(ctx context.Context, c *config.Config, out, notes io.Writer) error {
	if ctx == nil {
		ctx = context.Background()
	}
	dir, pid, err := d.place(c.DataDir, notes)
	if err != nil {
		return err
	}
	look := func() (*tuning.Host, []tuning.Advice) {
		h := tuning.Inspect(os.DirFS(d.root), pid, dir)
		return h, tuning.Check(h, tuning.Probe(ctx, dir), appliance.Wants(c))
	}
	h, advice := look()
	r := report{Host: hostReport{h.Kernel, h.CPUs, h.Memory, dir, h.PID}, Advice: advice}
	if d.apply {
		if r.Applied, err = tuning.Apply(d.root, advice); len(r.Applied) > 0 {
			_, r.Advice = look()
		}
	}
	if d.measure {
		r.Measured = tuning.Measure(ctx, dir)
	}
	r.ToChange = tuning.ToChange(r.Advice)
	if err := errors.Join(err, d.print(out, &r)); err != nil {
		return err
	}
	if r.ToChange > 0 && d.format != "sysctl" {
		return errToChange
	}
	return nil
}

// place is where the data directory really is, and whose limits count: the process's that works on it, or ours.
func (d *doctor) place(dataDir string, notes io.Writer) (dir string, pid int, err error) {
	if dir, err = filepath.Abs(dataDir); err != nil {
		return "", 0, err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	pid, running, err := appliance.Owner(dir)
	switch {
	case err != nil:
		fmt.Fprintf(notes, "note: whether an appliance runs on %s is not to be seen: %v\n", dir, err)
	case running && pid > 0:
		return dir, pid, nil
	}
	return dir, os.Getpid(), nil
}

func (d *doctor) print(out io.Writer, r *report) error {
	switch d.format {
	case "json":
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(r)
	case "sysctl":
		return tuning.WriteSysctls(out, r.Advice)
	}
	_, err := io.WriteString(out, r.text())
	return err
}

// text is the report for a person: what is to be done first, what is well in one line each.
func (r *report) text() string {
	var b strings.Builder
	whose := "my own"
	if r.Host.PID != os.Getpid() {
		whose = fmt.Sprintf("the appliance's, process %d", r.Host.PID)
	}
	fmt.Fprintf(&b, "Linux %s, %d CPUs, %s; data in %s; limits are %s\n", r.Host.Kernel, r.Host.CPUs, tuning.FormatBytes(r.Host.Memory), r.Host.DataDir, whose)
	last := tuning.State(-1)
	for _, a := range r.Advice {
		if a.State <= tuning.Note || a.State != last {
			b.WriteByte('\n')
		}
		last = a.State
		fmt.Fprintf(&b, "%-8s%s: %s", a.State, a.Name, a.Is)
		if a.Should != "" && a.State != tuning.Fine {
			fmt.Fprintf(&b, "; should be %s", a.Should)
		}
		b.WriteByte('\n')
		if a.State == tuning.Fine {
			continue
		}
		if a.Why != "" {
			fmt.Fprintf(&b, "        why: %s\n", a.Why)
		}
		for _, line := range a.How {
			fmt.Fprintf(&b, "        %s\n", line)
		}
	}
	for i, m := range r.Measured {
		if i == 0 {
			b.WriteString("\nMeasured here, medians of interleaved rounds:\n")
		}
		fmt.Fprintf(&b, "  %s\n", m)
	}
	b.WriteByte('\n')
	for _, a := range r.Applied {
		if a.Err == nil {
			fmt.Fprintf(&b, "changed %s from %s to %s\n", a.Name, a.From, a.To)
		}
	}
	if len(r.Applied) > 0 {
		b.WriteString("until the next start; to keep it: penstock doctor --format sysctl > /etc/sysctl.d/90-penstock.conf\n")
	}
	if r.ToChange == 0 {
		b.WriteString("all is well\n")
	} else {
		fmt.Fprintf(&b, "%d to change\n", r.ToChange)
	}
	return b.String()
}
