package admin

import "net/http"

// Account is what became of the records of one wire since the appliance began. They are counted one by one; a bad metric, line or event
// counts one, and so does a body refused whole. Received = Stored + Rejected + Duplicate + InFlight at every instant.
type Account struct {
	Received  uint64 `json:"received"`
	Stored    uint64 `json:"stored"`
	Rejected  uint64 `json:"rejected"`
	Duplicate uint64 `json:"duplicate"` // repeats of what is stored, acknowledged again
	InFlight  uint64 `json:"in_flight"`
	// RejectedBy is Rejected by reason: busy (try again: rings or disk full, or shutting down), failed (the machine's fault), else why
	// the sender was refused.
	RejectedBy map[string]uint64 `json:"rejected_by,omitempty"`
}

// add adds another account.
func (a *Account) add(b *Account) {
	a.Received += b.Received
	a.Stored += b.Stored
	a.Rejected += b.Rejected
	a.Duplicate += b.Duplicate
	a.InFlight += b.InFlight
	for reason, n := range b.RejectedBy {
		if a.RejectedBy == nil {
			a.RejectedBy = map[string]uint64{}
		}
		a.RejectedBy[reason] += n
	}
}

// serveLedger answers GET /v1/ledger: what became of every record, by wire and in all.
func (s *Server) serveLedger(w http.ResponseWriter, _ *http.Request) {
	answer := struct {
		Wires map[string]Account `json:"wires"`
		Total Account            `json:"total"`
	}{Wires: s.ledger()}
	for _, account := range answer.Wires {
		answer.Total.add(&account)
	}
	reply(w, http.StatusOK, answer)
}
