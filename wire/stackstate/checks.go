package stackstate

import "penstock/wire"

// checkRun is the parser of what agents send to api/v1/check_run: an array of checks; one worker's.
type checkRun struct{ input }

// Parse implements wire.Parser.
func (p *checkRun) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	r, fault := p.begin(req, b)
	if fault == nil {
		if at := r.At; r.Enter('[') {
			fault = p.checks(&r, "")
		} else {
			fault = p.wrong(at, "", "", aList)
		}
	}
	return p.end(fault)
}

// checks lays the checks of the list that was entered.
func (in *input) checks(list *wire.Reader, section string) *wire.Fault {
	for list.Next() {
		if fault := in.check(list, section); fault != nil {
			return fault
		}
	}
	return nil
}

// check lays the check that comes next.
func (in *input) check(r *wire.Reader, section string) (fault *wire.Fault) {
	start := r.At
	if !r.Enter('{') {
		return in.notObject(start, section, "check")
	}
	var c wire.Check
	var at []byte
	in.noTags()
	for r.Next() {
		switch string(in.name(r)) {
		case "check":
			c.Name, fault = in.string(r, section, "check")
		case "status":
			c.Status, fault = in.number(r, section, "status", anInt)
		case "host_name":
			c.Host, fault = in.filled(r, section, "host_name")
		case "message":
			c.Message, fault = in.option(r, section, "message")
		case "tags":
			fault = in.readTags(r, section)
		case "timestamp":
			if at = nil; r.Kind() == 'n' {
				r.Skip()
				break
			}
			at, fault = in.number(r, section, "timestamp", aDouble)
		default:
			r.Skip()
		}
		if fault != nil {
			return fault
		}
	}
	switch {
	case c.Name == nil:
		return in.missing(start, section, "check")
	case c.Status == nil:
		return in.missing(start, section, "status")
	}
	ok := true
	if c.Time = in.time; at != nil {
		c.Time, ok = in.moment(at)
	}
	if code := judge(&c, ok); code != wire.OK {
		in.Refuse(code, start, in.body[start:r.At:r.At])
		return nil
	}
	c.Host = in.hostOf(c.Host)
	if fault = in.room(0, start); fault != nil {
		return fault
	}
	c.Tags = in.merge()
	in.lay(wire.KindCheck, c.Host, in.Close(c.Append(in.Open(), in.from)), c.Time)
	return nil
}

// judge says why a well-formed check is not kept. Its status is 0, 1, 2 or 3: ok, warning, critical, unknown.
func judge(c *wire.Check, timely bool) wire.Code {
	switch {
	case len(c.Name) == 0:
		return wire.BadName
	case !timely:
		return wire.BadTime
	case len(c.Status) != 1 || c.Status[0] > '3':
		return wire.BadField
	}
	return wire.OK
}
