package appliance

import (
	"runtime"
	"runtime/debug"
)

// Release is this source's version: what the change log calls it.
const Release = "0.1.0"

// Build says which program this is.
type Build struct {
	Version string // Release
	Commit  string // the commit it was built from, with "+changes" when the tree differed; "" when the build did not say
	Go      string // the Go release that built it
}

// ThisBuild reads what the Go tool wrote into the program.
func ThisBuild() Build {
	b := Build{Version: Release, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	changed := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	if changed && b.Commit != "" {
		b.Commit += "+changes"
	}
	return b
}

func (b Build) String() string {
	text := "penstock " + b.Version
	if b.Commit != "" {
		text += " (commit " + b.Commit + ")"
	}
	return text + ", built with " + b.Go
}
