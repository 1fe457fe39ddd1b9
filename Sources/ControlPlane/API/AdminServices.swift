import Logging
import Messaging
import Platform
import Wire

/// What the admin API's routes need.
struct AdminServices: Sendable {
  let configuration: ControlPlaneConfiguration
  let secrets: DeploymentSecrets
  let store: PlatformStore
  let sealer: Sealer
  let map: MapService
  let roster: CellRoster
  let replicas: ReplicaRoster
  let directives: DirectiveSender
  let spools: SpoolRounds
  let problems: ProblemLog
  let storeDrill: StoreDrill
  let suspendedCounts: SuspendedCounts
  let messenger: any Messenger
  let clock: any WallClock
  let random: any RandomSource
  let startedAt: Timestamp
}
