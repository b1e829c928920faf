package kairosdb

import "penstock/wire"

// patience is how many bodies are gathered by series after one that could not be laid as it came.
const patience = 7

// layApart lays the body's metrics as they come, if it is an array of usual ones, each with one point of another known series, as that
// of a sender of single points mostly is. false: nothing has come of it, and the body is to be read metric by metric.
func (p *parser) layApart(topic []byte) bool {
	if p.gather > 0 {
		p.gather--
		return false
	}
	before := len(p.Records)
	p.apart.Begin()
	c := cursor{src: p.body, at: wire.SkipSpace(p.body, 0)}
	for c.pass('['); !c.lost; c.pass(',') {
		outline, end := p.lone(c.at)
		if end == 0 || !p.apart.First(outline) {
			break
		}
		outline.Lay(p.Batch, topic, &p.known.point.Single)
		c.at = wire.SkipSpace(p.body, end)
		if c.sees(']') {
			if wire.SkipSpace(p.body, c.at+1) == len(p.body) {
				return true
			}
			break
		}
	}
	if len(p.Records) > before {
		p.gather = patience
	}
	clear(p.Records[before:])
	p.Records = p.Records[:before]
	return false
}

// lone finds the series of the element that starts at body[at], if it is a usual metric with one point of a known series, and where it
// ends; else end is 0.
func (p *parser) lone(at int) (outline *wire.Outline, end int) {
	if outline, end = p.expected(at); end > 0 {
		return outline, end
	}
	if !p.recall(at) || len(p.usual.points) > 1 {
		return outline, 0
	}
	return &p.usual.outlines[p.known.point.kind], p.usual.end
}
