import ControlPlane
import Storage
import SwiftProtobuf
import Wire

/// The control plane: places tenants, issues epochs, records claims, all in its own journaled
/// store; says nothing that is not durable there.
final class SimulatedControlPlane: SimulatedNode {
  static let tenant = TenantID(trusted: "platform")

  var image: TenantImage? { store?.image(Self.tenant) }

  override func started() {
    if store?.heads[Self.tenant] == nil {
      withStore { store in
        let nothing = TenantHead(
          lineage: Lineage(1), tenantSeq: .zero, hash: .zero, epoch: .first, ownership: .owned,
          time: Timestamp(milliseconds: 0), schemaVersion: 1, nextDue: nil, cellSeq: CellSeq(0))
        try store.create(
          Self.tenant, epoch: .first, after: nothing,
          [RowChange(key: "version", value: "1")], answer: { _ in })
        planStep()
      }
    }
    planRound()
  }

  private func planRound() {
    planHere(after: deployment.choice.number(in: 20_000...60_000), "looks around") {
      [unowned self] in
      round()
      planRound()
    }
  }

  /// Brings each tenant one step on: place, create, arm a move, have its source go on with it.
  private func round() {
    guard let image, image["version"] != nil else { return }
    for tenant in deployment.tenants {
      guard let placed = PlacedTenant(image["place:\(tenant)"]) else {
        let cell = deployment.choice.one(of: deployment.cells).id
        let epoch = EpochRule.issue(known: nil, seen: [])
        record(tenant, PlacedTenant(cell: cell, epoch: epoch, isProvisioned: false), onlyIf: nil)
        continue
      }
      if !placed.isProvisioned {
        create(tenant, placed)
      } else if let pending = PlacedTenant(image["pending:\(tenant)"]) {
        order(tenant, from: placed, to: pending)
      } else if deployment.isFaulty, deployment.choice.happens(deployment.options.moves) {
        arm(tenant, placed)
      }
    }
    for router in deployment.routers { deployment.send("map") { self.push(to: router) } }
  }

  private func create(_ tenant: TenantID, _ placed: PlacedTenant) {
    guard let cell = deployment.cell(placed.cell) else { return }
    deployment.send("create \(tenant)") { [unowned self] in
      cell.create(tenant, placed.epoch) { answer in
        guard case .done = answer else { return }
        self.deployment.send("created \(tenant)") {
          var known = placed
          known.isProvisioned = true
          self.record(tenant, known, onlyIf: placed)
        }
      }
    }
  }

  /// One unique number, by the product's compare-and-set.
  func claim(_ number: String, for tenant: TenantID, reply: @escaping (StoreAnswer) -> Void) {
    submitHere(
      StoreCommand(
        key: nil,
        run: { rows in
          let row = "claim:\(number)"
          let held = rows[row].map { $0.split(separator: "|") }
          let current = held.map {
            KeyClaim(
              kind: .phoneNumber, key: number, tenant: TenantID(trusted: String($0[0])),
              version: UInt64($0[1]) ?? 0, isReleased: false)
          }
          let version = UInt64(rows.number("version") + 1)
          switch ClaimRule.claim(
            .phoneNumber, number, for: tenant, current: current, version: version)
          {
          case .unchanged: return ([], .done(tenant.rawValue))
          case .refuse(let holder): return ([], .refused("number_claimed by \(holder)"))
          case .write(let claim):
            return (
              [
                RowChange(key: row, value: "\(claim.tenant)|\(claim.version)"),
                RowChange(key: "version", value: "\(version)"),
              ], .done(tenant.rawValue)
            )
          }
        }, answer: reply))
  }

  /// A cell says under which generation it runs; one that has been replaced is refused.
  func join(_ cell: CellID, _ generation: Generation) {
    let row = Self.row(of: cell)
    let isBroken = deployment.options.brokenRule == .skipGenerationCheck
    submitHere(
      StoreCommand(
        key: nil,
        run: { rows in
          let known = Generation(UInt64(rows.number(row)))
          guard GenerationRule.admits(generation, known: known, isBroken: isBroken) else {
            return ([], .refused("generation_fenced"))
          }
          guard generation != known else { return ([], .done("")) }
          return ([RowChange(key: row, value: "\(generation.rawValue)")], .done(""))
        },
        answer: { [unowned self] answer in
          if case .refused = answer { deployment.sometimes.fenced += 1 }
        }))
  }

  /// The generation of a cell that is on record.
  static func generation(of cell: CellID, in image: TenantImage) -> Generation {
    Generation(UInt64(image.number(row(of: cell))))
  }

  private static func row(of cell: CellID) -> String { "generation:\(cell)" }

  func submitHere(_ command: StoreCommand) {
    guard store?.heads[Self.tenant] != nil else { return }
    submit(command, to: Self.tenant)
  }

  /// Sends the whole map as it is durable now; the network may delay it past a newer one.
  func push(to router: SimulatedRouter) {
    guard let image, image["version"] != nil else { return }
    var chunk = Aimstors_ProtoMapChunk()
    chunk.mapVersion = UInt64(image.number("version"))
    for tenant in deployment.tenants {
      guard let placed = PlacedTenant(image["place:\(tenant)"]), placed.isProvisioned else {
        continue
      }
      var proto = Aimstors_ProtoTenantPlacement()
      proto.tenant = tenant.rawValue
      proto.cell = placed.cell.rawValue
      proto.epoch = placed.epoch.rawValue
      proto.state = TenantState.active.rawValue
      chunk.tenants.append(proto)
    }
    var page = Aimstors_ProtoMapPage()
    page.manifest.mapVersion = chunk.mapVersion
    page.manifest.chunkCount = 1
    page.chunks = [chunk]
    guard let bytes: [UInt8] = try? chunk.serializedBytes() else { return }
    page.manifest.chunkHashes = [.init(SimulatedRouter.hash(bytes))]
    guard let encoded: [UInt8] = try? page.serializedBytes() else { return }
    deployment.send("map page") { router.merge(encoded) }
  }
}
