package appliance

import (
	"penstock/appliance/admin"
	"penstock/wire"
)

// ledger is what became of every record, by wire.
func (a *Appliance) ledger() map[string]admin.Account {
	accounts := map[string]admin.Account{}
	if door := a.kafka.Load(); door != nil {
		if p := door.Stats().Produced; p.Received > 0 {
			accounts["kafka"] = admin.Account{Received: p.Received, Stored: p.Stored, Duplicate: p.Duplicate, InFlight: p.InFlight,
				Rejected: p.Rejected, RejectedBy: p.RejectedBy}
		}
	}
	doors := a.intake.Load()
	if doors == nil {
		return accounts
	}
	for _, w := range doors.Stats().Wires {
		account := admin.Account{
			Received: w.Received, Stored: w.Stored, Duplicate: w.Duplicate, InFlight: w.InFlight,
			Rejected: w.Refused + w.Busy + w.Failed, RejectedBy: map[string]uint64{},
		}
		reasons := account.RejectedBy
		for _, code := range wire.Codes() {
			reasons[code.String()] = w.RefusedBy[code]
		}
		reasons["busy"], reasons["failed"] = w.Busy, w.Failed
		for reason, n := range reasons {
			if n == 0 {
				delete(reasons, reason)
			}
		}
		accounts[w.Name] = account
	}
	return accounts
}
