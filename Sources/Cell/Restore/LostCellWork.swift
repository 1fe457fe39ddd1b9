import Archive
import Edge
import Logging
import Storage
import Wire

/// What the control plane may ask of this cell about another one that is lost for good.
struct LostCellWork: Sendable {
  let own: CellID
  let service: ArchiveService
  let restoration: TenantRestoration
  let turns: CellTurns
  let logger: Logger

  /// What became of the parts in a lost cell's spool.
  struct Drained: Codable, Hashable, Sendable {
    /// How many wait here.
    let parts: Int
    /// Why others may have been there; nil: none were.
    let missing: String?
  }

  /// What the message asks for; nil: nothing of this kind.
  func body(_ message: Aimstors_ProtoCellWork) throws(Failure) -> CellWork.Body? {
    switch message.kind {
    case "cell_end":
      let cell = try lost(message)
      return { _ in
        let end = try await service.end(cell)
        return try CellSpread.text(["cell_seq": end.seq.rawValue])
      }
    case "cell_spread":
      _ = try lost(message)
      let order = try CellSpread.Order(message)
      let spread = CellSpread(
        service: service, engine: restoration.engine, directives: restoration.directives,
        sealer: restoration.sealer, clock: restoration.clock, forget: restoration.forget,
        turns: turns, logger: logger)
      return { progress in try CellSpread.text(try await spread.run(order, progress)) }
    case "cell_spool":
      let cell = try lost(message)
      let (operation, spool) = (message.operation, Spool(store: restoration.engine))
      return { _ in
        let store = try await LostCellStore.restore(of: cell, service)
        do {
          let parts = try await store.drain(into: spool, trace: operation)
          await store.discard()
          return try CellSpread.text(Drained(parts: parts, missing: store.lacking?.detail))
        } catch {
          await store.discard()
          throw error
        }
      }
    default: return nil
    }
  }

  private func lost(_ message: Aimstors_ProtoCellWork) throws(Failure) -> CellID {
    guard let cell = CellID(message.cell), cell != own else {
      throw Failure(.invalidField, "name the lost cell, another one than this")
    }
    return cell
  }
}
