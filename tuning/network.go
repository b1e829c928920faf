package tuning

import (
	"path"
	"strings"
)

// Card is a network card.
type Card struct {
	Name   string
	Queues int  // of receiving, each with an interrupt of its own
	Spread bool // RPS spreads what a queue receives over CPUs
}

// cards lists the network cards that have a device behind them.
func (r files) cards() (all []Card) {
	for _, dir := range r.glob("sys/class/net/*") {
		if !r.isDir(dir + "/device") {
			continue
		}
		c := Card{Name: path.Base(dir)}
		for _, queue := range r.glob(dir + "/queues/rx-*") {
			c.Queues++
			if strings.Trim(r.text(queue+"/rps_cpus"), "0,") != "" {
				c.Spread = true
			}
		}
		all = append(all, c)
	}
	return all
}
