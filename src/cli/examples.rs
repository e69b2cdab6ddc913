//! The examples at the end of each `--help`. A test parses each.

/// Of the program as a whole.
pub(super) const PROGRAM: &str = "\
Examples:
  iiif-publish preview photo.jpg
      See it in a browser, without any bucket.
  iiif-publish --bucket art-tiles photo.jpg scan.tif
      Publish two images; the URL of each info.json is printed.
  iiif-publish --bucket art-tiles --html photo.jpg scan.tif
      The same with a page beside them that shows both in a browser.
  iiif-publish --bucket tiles --prefix maps \\
      --public-url https://cdn.example.org/maps atlas.tif
      The same behind a CDN that shows the prefix as /maps.
  iiif-publish --bucket test --endpoint-url http://localhost:9000 photo.jpg
      Into MinIO, or any other store that speaks S3.
  iiif-publish --output out --public-url https://example.org/iiif photo.jpg
      Into a folder, for any static web server.
  iiif-publish ingest masters --bucket tiles
      A folder of images, with manifests and a collection; again and again.
  iiif-publish init
      A file for what need not be said every time: iiif-publish.toml.
  iiif-publish ingest s3://masters/maps/ --bucket tiles
      The images of another bucket, read in parts and not copied.
  iiif-publish plan scan.tif
      What publishing would store and cost.
  iiif-publish verify https://cdn.example.org/maps/atlas/info.json
      Whether everything is there that viewers ask for.
  iiif-publish delete --bucket tiles --prefix maps --id atlas
      Take an image away again; asks first.
  iiif-publish bucket check --bucket tiles --prefix maps
      Whether images can be published there, and seen by everyone.

Exit codes:
  0    done
  1    some or all images failed (verify, bucket check: something is wrong);
       another run may help
  2    wrong usage
  3    credentials, bucket, region, endpoint or host: another run cannot help
  4    stopped by a limit
  130  interrupted by Ctrl-C (143: by SIGTERM)";

pub(super) const INGEST: &str = "\
Examples:
  iiif-publish ingest masters --bucket art-tiles --label 'Our maps'
      All images below a folder, their manifests, and a collection. Run it
      again: what has not changed costs one request an image.
  iiif-publish ingest --table images.csv --bucket art-tiles --dry-run
      With labels, metadata and pages from a table; says what it would do.
  iiif-publish ingest masters --bucket art-tiles --prune --max-delete 20
      Delete also what is not in the folder any more, up to 20 images.
  iiif-publish ingest masters --bucket art-tiles --shard 2/8 --report 2.jsonl
      The third of eight equal parts, on the third of eight machines.
  iiif-publish ingest masters --bucket art-tiles --finish
      When all parts are done: the collection.
  iiif-publish ingest --from-file failed.txt --presentation none \\
      --bucket art-tiles
      What `iiif-publish report` has printed, once more.";

pub(super) const REPORT: &str = "\
Examples:
  iiif-publish report *.jsonl
      Adds up the reports of all parts; prints what failed or is missing.";

pub(super) const INIT: &str = "\
Examples:
  iiif-publish init
      Writes iiif-publish.toml, with every option as a comment.";

pub(super) const PREVIEW: &str = "\
Examples:
  iiif-publish preview photo.jpg scan.tif
      Publishes into a temporary folder, and prints where to see it.
  iiif-publish preview --open --tile-size 256 photo.jpg
      With tiles of another size; starts the browser.";

pub(super) const PLAN: &str = "\
Examples:
  iiif-publish plan scan.tif
      Objects, bytes, cost and memory of one image.
  iiif-publish plan --size 20000x15000 --tile-size 1024
      Of an image that is not there yet.
  iiif-publish plan scan.tif --keys
      Every key that publishing would write.";

pub(super) const VERIFY: &str = "\
Examples:
  iiif-publish verify https://cdn.example.org/maps/atlas/info.json
      Any image on the web, whoever published it.
  iiif-publish verify --bucket art-tiles --prefix maps --id atlas --sample 500
      An image of a bucket, as the public sees it; 500 objects of it.";

pub(super) const DELETE: &str = "\
Examples:
  iiif-publish delete --bucket art-tiles --prefix maps --id atlas --dry-run
      Prints the keys that would go, and deletes nothing.
  iiif-publish delete --bucket art-tiles --prefix maps --all
      All images below the prefix; asks first.";

pub(super) const BUCKET: &str = "\
Examples:
  iiif-publish bucket check --bucket art-tiles
      What is missing for publishing and viewing, with its remedy.
  iiif-publish bucket setup --bucket art-tiles --cors --public-read
      Lets everyone read, and viewers on all sites ask; asks first.";

pub(super) const COMPLETIONS: &str = "\
Examples:
  iiif-publish completions bash >~/.iiif-publish.bash";
