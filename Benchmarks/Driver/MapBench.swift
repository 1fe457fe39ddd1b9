import ArgumentParser
import Foundation
import Messaging
import Storage
import SwiftProtobuf
import Wire

/// The placement map of a large deployment in one router: memory, look-ups, and how long a change
/// takes from the control plane's chunk to an answer here.
struct MapBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "map", abstract: "Holds the map of 500,000 tenants in 100 cells.")

  /// As the control plane cuts them.
  static let chunkBytes = 256 << 10
  static let changes = 50

  @OptionGroup var repository: Repository
  @Option(help: "Tenants; each with a slug, a number and a WhatsApp account.") var tenants = 500_000
  @Option var cells = 100

  func run() async throws {
    let before = try Self.residentBytes()
    var map = PlacementMap()
    progress("map: \(tenants) tenants")
    var chunks = MapChunks(tenants: tenants, cells: cells, bytes: Self.chunkBytes)
    let sent = try chunks.merge(into: &map)
    let grown = try Self.residentBytes() - before
    guard map.tenantCount == tenants, map.claimCount == 3 * tenants else {
      throw BenchFailure("the map holds \(map.tenantCount) tenants, \(map.claimCount) keys")
    }
    let memory = map.memoryBytes
    Row(
      name: "map.router_mb", value: Double(memory.tenants + memory.claims) / 1e6, unit: "MB",
      facts: [
        "tenants": tenants, "cells": cells, "keys": map.claimCount,
        "bytes_per_tenant": memory.tenants / tenants,
        "bytes_per_key": memory.claims / map.claimCount,
        "grown_resident_mb": grown / 1_000_000, "chunks": sent.chunks,
        "sent_mb": sent.bytes / 1_000_000,
      ]
    ).write()
    try measureLookups(map)
    try await measurePush(map)
  }

  /// By number to the tenant, and by the tenant to its cell: what a webhook's part needs.
  private func measureLookups(_ map: PlacementMap) throws {
    let batch = 1_000
    var generator = SystemRandomNumberGenerator()
    var times: [Double] = []
    for _ in 0..<500 {
      let numbers = (0..<batch).map { _ in
        MapChunks.number(Int.random(in: 0..<tenants, using: &generator))
      }
      var found = 0
      let began = ContinuousClock.now
      for number in numbers {
        if let tenant = map.tenant(holding: .phoneNumber, number),
          map.placement(of: tenant) != nil
        {
          found += 1
        }
      }
      times.append((ContinuousClock.now - began) / .microseconds(1) / Double(batch))
      guard found == batch else { throw BenchFailure("\(batch - found) numbers were not found") }
    }
    times.sort()
    Row(
      name: "map.lookup_us", value: median(times), unit: "us",
      facts: [
        "p99_of_batches": percentile(times, 0.99), "batch": batch, "lookups": times.count * batch,
        "of": "number to tenant to cell",
      ]
    ).write()
  }

  /// One change: its chunk encoded, hashed, published over loopback, merged, and seen.
  private func measurePush(_ map: PlacementMap) async throws {
    let control = try MessagingBench.messenger(.controlPlane)
    let router = try MessagingBench.messenger(.router)
    let publisher = try await control.publisher(at: Address("tcp://127.0.0.1:0"))
    let pages = try await router.subscribe(to: publisher.address, topics: [.map])
    var iterator = pages.makeAsyncIterator()
    var map = map
    var chunks = MapChunks(tenants: tenants, cells: cells, bytes: Self.chunkBytes)
    var chunk = chunks.first()
    let tenant = TenantID(trusted: chunk.tenants[0].tenant)
    var times: [Double] = []
    // Until the subscription stands, publications are lost: repeat the first until one arrives.
    let hello = try Self.page(chunk, map.version)
    let greeting = Task {
      while !Task.isCancelled {
        await publisher.publish(.map, hello)
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
    _ = await iterator.next()
    greeting.cancel()
    for change in 1...Self.changes {
      let epoch = UInt64(change) + 1
      let began = ContinuousClock.now
      chunk.tenants[0].epoch = epoch
      chunk.tenants[0].cell = "cell-\(change % cells)"
      chunk.mapVersion += 1
      await publisher.publish(.map, try Self.page(chunk, chunk.mapVersion))
      while map.placement(of: tenant)?.epoch != Epoch(epoch) {
        guard let page = await iterator.next() else {
          throw BenchFailure("the publications ended")
        }
        try map.merge(page: page.payload) { SHA256Hash.of($0).bytes }
      }
      times.append((ContinuousClock.now - began) / .milliseconds(1))
    }
    times.sort()
    Row(
      name: "map.push_ms", value: median(times), unit: "ms",
      facts: [
        "max": times.last ?? 0, "changes": times.count, "chunk_bytes": Self.chunkBytes,
        "entries_in_chunk": chunk.tenants.count + chunk.claims.count,
        "of": "encode, hash, publish, merge, look up; without the store's commit",
      ]
    ).write()
    await control.close()
    await router.close()
  }

  private static func page(_ chunk: Aimstors_ProtoMapChunk, _ version: UInt64) throws -> [UInt8] {
    var page = Aimstors_ProtoMapPage()
    page.manifest.mapVersion = version
    page.manifest.chunkCount = 1
    let bytes: [UInt8] = try chunk.serializedBytes()
    page.manifest.chunkHashes = [Data(SHA256Hash.of(bytes).bytes)]
    page.chunks = [chunk]
    return try page.serializedBytes()
  }

  private static func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * 4096
  }
}

/// The map of a made-up deployment, cut as the control plane cuts its own.
struct MapChunks {
  let tenants: Int
  let cells: Int
  let bytes: Int
  private var next = 0

  init(tenants: Int, cells: Int, bytes: Int) {
    (self.tenants, self.cells, self.bytes) = (tenants, cells, bytes)
  }

  static func number(_ index: Int) -> String { "1\(100_000_000_000_00 + index)" }

  /// 26 characters after the prefix, as real ones have.
  private static func tenant(_ index: Int) -> String {
    let digits = String(index, radix: 32).uppercased()
    return "ten_01JD" + String(repeating: "0", count: 22 - digits.count) + digits
  }

  /// About so many tenants' entries as fill a chunk.
  private static let tenantBytes = 230

  mutating func first() -> Aimstors_ProtoMapChunk { chunk() }

  mutating func merge(into map: inout PlacementMap) throws -> (chunks: Int, bytes: Int) {
    var chunks = 0
    var sent = 0
    while next < tenants {
      var chunk = chunk()
      if chunks == 0 {
        chunk.cells = (0..<cells).map { index in
          .with {
            $0.id = "cell-\(index)"
            $0.region = "eu"
            $0.address = "tls+tcp://10.0.\(index / 250).\(index % 250):7100"
            $0.generation = 1
            $0.state = "active"
          }
        }
      }
      let encoded: [UInt8] = try chunk.serializedBytes()
      var page = Aimstors_ProtoMapPage()
      page.manifest.mapVersion = UInt64(chunks + 1)
      page.manifest.chunkCount = 1
      page.manifest.chunkHashes = [Data(SHA256Hash.of(encoded).bytes)]
      page.chunks = [chunk]
      try map.merge(page: try page.serializedBytes()) { SHA256Hash.of($0).bytes }
      chunks += 1
      sent += encoded.count
    }
    return (chunks, sent)
  }

  private mutating func chunk() -> Aimstors_ProtoMapChunk {
    var chunk = Aimstors_ProtoMapChunk()
    for index in next..<min(next + bytes / Self.tenantBytes, tenants) {
      let id = Self.tenant(index)
      chunk.tenants.append(
        .with {
          $0.tenant = id
          $0.cell = "cell-\(index % cells)"
          $0.epoch = 1
          $0.state = "active"
        })
      let keys = [
        ("slug", "customer-\(index)"), ("phone_number", Self.number(index)),
        ("waba", "2\(Self.number(index))"),
      ]
      for (kind, key) in keys {
        chunk.claims.append(
          .with {
            $0.kind = kind
            $0.key = key
            $0.tenant = id
            $0.version = UInt64(index + 1)
          })
      }
    }
    next = min(next + bytes / Self.tenantBytes, tenants)
    return chunk
  }
}
