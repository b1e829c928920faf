// The clients that the end-to-end tests drive the wires with. A module of their own: the appliance depends on none of them.
module penstock-clients

go 1.26

ignore ./node_modules // npm packages bring Go files

require (
	github.com/rcrowley/go-metrics v0.0.0-20250401214520-65e299d6c5c9
	github.com/segmentio/analytics-go/v3 v3.3.0
	github.com/splunk/splunk-cloud-sdk-go v1.11.1
)

require (
	github.com/bmizerany/assert v0.0.0-20160611221934-b7ed37b82869 // indirect
	github.com/golang/glog v0.0.0-20160126235308-23def4e6c14b // indirect
	github.com/google/uuid v1.3.0 // indirect
	github.com/pkg/errors v0.8.1 // indirect
	github.com/segmentio/backo-go v1.0.0 // indirect
	github.com/splunk/go-dependencies v1.0.1 // indirect
)
