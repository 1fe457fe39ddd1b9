import Messaging
import Wire

/// What cells say to each other about tenants that move: one method, one place.
struct MoveMessages: Sendable {
  let arrivals: Arrivals
  let outcomes: LateOutcomes

  func answer(_ request: IncomingRequest, from source: CellID) async throws(Failure) -> [UInt8] {
    switch request.method {
    case .moveBegin: try await arrivals.begin(try request.decoded(), from: source)
    case .moveFile: try await arrivals.file(try request.decoded())
    case .moveImport: try await arrivals.complete(try request.decoded())
    case .moveRecords: return try await arrivals.records(try request.decoded()).encoded()
    case .moveRelease: try await arrivals.adopt(try request.decoded())
    case .moveRefuse: try await arrivals.refuse(try request.decoded())
    case .moveStanding: return try arrivals.standing(try request.decoded()).encoded()
    case .lateOutcome: try await outcomes.take(try request.decoded())
    default: throw Failure(.unknownRoute, "a cell does not answer \(request.method)")
    }
    return []
  }
}
