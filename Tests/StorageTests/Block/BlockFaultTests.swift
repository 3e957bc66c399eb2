import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

/// Files that are cut short while a block is in use: an error of that block, and the process goes on.
@Suite(.needsShared) struct BlockFaultTests {
  let folder: TemporaryFolder
  let path: String
  init() throws {
    folder = try TemporaryFolder("fault")
    path = try folder.copy(try Fixtures.block("prometheus/block-manyseries"), as: "01M81XF1XF16GMBE7RC8GREFWK")
  }

  @Test(arguments: ["index", "chunks/000001"], [Block.Reading.mapped, .copied])
  func aFileCutShortInMidReadIsAnErrorOfThatBlock(file: String, reading: Block.Reading) throws {
    let block = try Block.open(path: path, reading: reading)
    let other = try Block.open(path: try Fixtures.folder("prometheus/corrupt/good/block"), reading: reading)
    let refs = try block.index.allPostings().refs()
    var batches = 0
    do {
      try block.read(series: refs, batchSize: 500) { batch in
        batches += 1
        #expect(batch.seriesCount == 500)
        if batches == 3 { #expect(truncate(path + "/" + file, 5000) == 0) }
      }
      Issue.record("read to the end")
    } catch let error as StorageError {
      #expect(error.code == .faulted && error.disposition == .skipBlock, "\(error)")
      #expect(error.message.contains(path + "/" + file), "\(error)")
    }
    #expect(batches == 3)
    // The other block is as good as ever.
    #expect(try other.dumped().map(\.labels).count == 6)
  }

  /// A cut within a page raises no signal: what is behind it reads as zeros.
  @Test(arguments: ["index", "chunks/000001"]) func aCutWithinAPageIsNoticed(file: String) throws {
    let block = try Block.open(path: path)
    let size = try #require(fileSize(of: path + "/" + file))
    #expect(truncate(path + "/" + file, off_t(size - 1)) == 0)
    do {
      try block.read(series: try block.index.allPostings().refs()) { _ in }
      Issue.record("read to the end")
    } catch let error as StorageError { #expect(error.code == .faulted, "\(error)") }
  }

  /// What was made of bytes that are not there any more is no result.
  @Test(arguments: [false, true]) func aFileCutShortInMidMergeLeavesNoResult(relabels: Bool) throws {
    let block = try Block.open(path: path)
    let segment = path + "/chunks/000001"
    let size = try #require(fileSize(of: segment))
    let result = try TemporaryFolder("merged")
    var cuts = 0
    let failure = Self.failure(of: block, relabels: relabels, to: result.path) { done in
      if cuts == 0, done > 1000 { cuts += truncate(segment, off_t(size - 1)) == 0 ? 1 : 0 }
    }
    #expect(failure?.code == .faulted, "\(String(describing: failure))")
    #expect(cuts == 1)
    #expect(Fixtures.blocks(in: result.path).isEmpty)
  }

  private static func failure(
    of block: Block, relabels: Bool, to folder: String, progress: (Int) -> Void
  ) -> StorageError? {
    do throws(StorageError) {
      if relabels {
        var changes = BlockRewriting.Changes()
        changes.relabel = { $0 }
        _ = try BlockRewriting(block, changes).write(to: folder) { done, _ in progress(done) }
      } else {
        _ = try BlockMerge([block]).write(to: folder) { done, _ in progress(done) }
      }
      return nil
    } catch { return error }
  }

  @Test func verificationEndsWithTheFault() throws {
    let block = try Block.open(path: path)
    var defects: [BlockDefect] = []
    var cut = false
    block.verify { progress in
      if progress.seriesDone > 1000, !cut {
        truncate(path + "/chunks/000001", 5000)
        cut = true
      }
    } report: {
      defects.append($0)
    }
    #expect(defects.last?.what.contains("was cut short") == true)
    #expect(defects.last?.file == path + "/chunks/000001")
  }
}
