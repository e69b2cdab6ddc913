//! The examples at the end of each `--help`. A test parses each of them.

/// The examples and exit codes of the program as a whole.
pub(super) const PROGRAM: &str = "\
Examples:
  iiif-publish preview photo.jpg
      Show an image in your browser, without a bucket.
  iiif-publish --bucket art-tiles photo.jpg scan.tif
      Publish two images and print the URL of each info.json.
  iiif-publish --bucket art-tiles --html photo.jpg scan.tif
      Also write an HTML page that shows both images.
  iiif-publish --bucket tiles --prefix maps \\
      --public-url https://cdn.example.org/maps atlas.tif
      Publish behind a CDN that serves the prefix as /maps.
  iiif-publish --bucket test --endpoint-url http://localhost:9000 photo.jpg
      Publish to MinIO or any other S3-compatible store.
  iiif-publish --output out --public-url https://example.org/iiif photo.jpg
      Publish into a folder, for any static web server.
  iiif-publish ingest masters --bucket tiles
      Publish a folder with manifests and a collection; re-run to update.
  iiif-publish init
      Save your options in a config file: iiif-publish.toml.
  iiif-publish ingest s3://masters/maps/ --bucket tiles
      Publish the images of another bucket without copying them.
  iiif-publish plan scan.tif
      Show what publishing would store and cost.
  iiif-publish verify https://cdn.example.org/maps/atlas/info.json
      Check that every file a viewer needs is there.
  iiif-publish delete --bucket tiles --prefix maps --id atlas
      Delete an image (asks first).
  iiif-publish bucket check --bucket tiles --prefix maps
      Check that you can publish there and everyone can view.

Exit codes:
  0    success
  1    some or all images failed (verify, bucket check: problems found);
       another run may help
  2    invalid usage
  3    wrong credentials, bucket, region, endpoint or host: fix them first
  4    stopped by a limit; another run continues
  130  interrupted by Ctrl-C (143: by SIGTERM)";

pub(super) const INGEST: &str = "\
Examples:
  iiif-publish ingest masters --bucket art-tiles --label 'Our maps'
      Publish all images below a folder, their manifests and a collection.
      Re-run to update: an unchanged image costs one request.
  iiif-publish ingest --table images.csv --bucket art-tiles --dry-run
      Show what a table with labels, metadata and pages would publish.
  iiif-publish ingest masters --bucket art-tiles --prune --max-delete 20
      Also delete up to 20 images that are no longer in the folder.
  iiif-publish ingest masters --bucket art-tiles --shard 2/8 --report 2.jsonl
      Publish the third of eight equal parts, on the third of eight machines.
  iiif-publish ingest masters --bucket art-tiles --finish
      Write the collection when all parts are done.
  iiif-publish ingest --from-file failed.txt --presentation none \\
      --bucket art-tiles
      Retry the images that `iiif-publish report` printed.";

pub(super) const REPORT: &str = "\
Examples:
  iiif-publish report *.jsonl
      Summarize the reports of all parts; list failed and missing images.";

pub(super) const INIT: &str = "\
Examples:
  iiif-publish init
      Write iiif-publish.toml, with every option as a comment.";

pub(super) const PREVIEW: &str = "\
Examples:
  iiif-publish preview photo.jpg scan.tif
      Publish into a temporary folder and print the URL to open.
  iiif-publish preview --open --tile-size 256 photo.jpg
      Use smaller tiles and open the browser.";

pub(super) const PLAN: &str = "\
Examples:
  iiif-publish plan scan.tif
      Show the objects, bytes, cost and memory of an image.
  iiif-publish plan --size 20000x15000 --tile-size 1024
      Plan an image of this size, without a file.
  iiif-publish plan scan.tif --keys
      Print every key that publishing would write.";

pub(super) const VERIFY: &str = "\
Examples:
  iiif-publish verify https://cdn.example.org/maps/atlas/info.json
      Verify any image on the web, from any publisher.
  iiif-publish verify --bucket art-tiles --prefix maps --id atlas --sample 500
      Verify 500 files of an image in a bucket, as the public sees them.";

pub(super) const DELETE: &str = "\
Examples:
  iiif-publish delete --bucket art-tiles --prefix maps --id atlas --dry-run
      Print the keys that would be deleted.
  iiif-publish delete --bucket art-tiles --prefix maps --all
      Delete all images below the prefix (asks first).";

pub(super) const BUCKET: &str = "\
Examples:
  iiif-publish bucket check --bucket art-tiles
      Find problems with publishing and viewing, and how to fix them.
  iiif-publish bucket setup --bucket art-tiles --cors --public-read
      Let everyone read and all websites load the images (asks first).";

pub(super) const COMPLETIONS: &str = "\
Examples:
  iiif-publish completions bash >~/.iiif-publish.bash";
