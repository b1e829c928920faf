package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"penstock/benchmarks/load/page"
	"penstock/benchmarks/load/report"
)

// reportCommand lays reports that load drive wrote over each other.
func reportCommand() *cobra.Command {
	var html, title string
	c := &cobra.Command{
		Use:     "report FILE…",
		Short:   "Lay the reports of several loads over each other",
		Example: "  load report ours.json bare.json --html both.html\n  load report ours.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			p := page.Runs{Title: title}
			for _, name := range files {
				r, err := report.Read(name)
				if err != nil {
					return err
				}
				p.Runs = append(p.Runs, r)
			}
			var errs []error
			for n, r := range p.Runs {
				if n > 0 {
					fmt.Println()
				}
				fmt.Println(r.Name)
				errs = append(errs, r.Print(os.Stdout))
			}
			if html != "" {
				errs = append(errs, page.Write(html, p))
			}
			return failed(errors.Join(errs...))
		},
	}
	c.Flags().StringVar(&html, "html", "", "write a page with all of them to this `FILE`")
	c.Flags().StringVar(&title, "title", "", "the page's title")
	return c
}
