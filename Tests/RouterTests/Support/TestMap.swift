import Foundation
import SwiftProtobuf
import Wire

@testable import Router

/// Maps, keys and signatures for tests.
enum TestMap {
  /// The tenant `acme` with a number, on the cell `a`.
  static var acme: Aimstors_ProtoMapChunk {
    chunk(
      tenants: [("acme", "a", 1)], claims: [("phone_number", "106", "acme")],
      cells: [("a", "tcp://a:7100")], apps: [app("default")])
  }

  static func chunk(
    tenants: [(id: String, cell: String, epoch: UInt64)] = [],
    claims: [(kind: String, key: String, tenant: String)] = [],
    cells: [(id: String, address: String)] = [],
    apps: [Aimstors_ProtoMetaApp] = []
  ) -> Aimstors_ProtoMapChunk {
    .with { chunk in
      chunk.tenants = tenants.map { tenant in
        .with {
          ($0.tenant, $0.cell, $0.epoch, $0.state) = (
            tenant.id, tenant.cell, tenant.epoch, "active"
          )
        }
      }
      chunk.claims = claims.map { claim in
        .with {
          ($0.kind, $0.key, $0.tenant, $0.version) = (claim.kind, claim.key, claim.tenant, 1)
        }
      }
      chunk.cells = cells.map { cell in
        .with {
          ($0.id, $0.address, $0.generation, $0.state) = (cell.id, cell.address, 1, "active")
        }
      }
      chunk.metaApps = apps
    }
  }

  static func app(_ id: String, secret: String = "s3cret", tenant: String = "")
    -> Aimstors_ProtoMetaApp
  {
    .with {
      ($0.id, $0.appSecret, $0.verifyToken, $0.tenant, $0.version) = (id, secret, "v&t", tenant, 1)
    }
  }

  static func page(_ version: UInt64, _ chunk: Aimstors_ProtoMapChunk) -> Aimstors_ProtoMapPage {
    var chunk = chunk
    chunk.mapVersion = version
    let bytes: [UInt8] = (try? chunk.serializedBytes()) ?? []
    return .with {
      $0.manifest.mapVersion = version
      $0.manifest.chunkCount = 1
      $0.manifest.chunkHashes = [Data(Digests.sha256(bytes))]
      $0.chunks = [chunk]
    }
  }

  static func map(
    tenants: [(id: String, cell: String, epoch: UInt64)],
    claims: [(kind: String, key: String, tenant: String)] = []
  ) -> PlacementMap {
    var map = PlacementMap()
    let bytes: [UInt8] =
      (try? page(1, chunk(tenants: tenants, claims: claims)).serializedBytes()) ?? []
    _ = try? map.merge(page: bytes, hash: Digests.sha256)
    return map
  }

  static func key(_ tenant: String) -> String {
    APIKeyText(mode: .live, tenant: TenantID(trusted: tenant)) { Array(repeating: 7, count: $0) }
      .text
  }

  static func signature(_ secret: String, _ body: [UInt8]) -> String {
    let mac = Digests.hmacSHA256(key: Array(secret.utf8), body)
    return "sha256=" + mac.map { String(format: "%02x", $0) }.joined()
  }
}

extension PlacementMap.MetaApp {
  static func testing(secret: String, previousSecret: String) -> PlacementMap.MetaApp {
    var map = PlacementMap()
    let app = Aimstors_ProtoMetaApp.with {
      ($0.id, $0.appSecret, $0.previousAppSecret, $0.version) = ("m", secret, previousSecret, 1)
    }
    let bytes: [UInt8] =
      (try? TestMap.page(1, TestMap.chunk(apps: [app])).serializedBytes()) ?? []
    _ = try? map.merge(page: bytes, hash: Digests.sha256)
    guard let made = map.metaApps[MetaAppID(trusted: "m")] else {
      preconditionFailure("the map took no app")
    }
    return made
  }
}
