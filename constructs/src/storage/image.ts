/**
 * The image L2: the content that volumes start as a copy of, from a file or a URL.
 */
import { resolve } from 'node:path';
import { Token } from 'cdktf';
import { Construct, type IConstruct } from 'constructs';
import { header } from '../core/header.js';
import type { ProjectResourceProps } from '../core/resource-props.js';
import { Image as ImageL1, type ImageSource as ImageSourceL1 } from '../gen/index.js';

const SHA256_PATTERN = /^[0-9a-f]{64}$/;

/** An image, declared here or elsewhere. */
export interface IImage extends IConstruct {
  /** The image's id. */
  readonly imageId: string;
}

/** The format of an image's content. */
export enum ImageFormat {
  /** QEMU's qcow2, version 2 or 3, without a backing file. */
  QCOW2 = 'qcow2',
  /** The plain bytes of a disk. */
  RAW = 'raw',
}

/** How an image is fetched from a URL. */
export interface UrlImageOptions {
  /** The SHA-256 that the content must have, in lower-case hexadecimal. */
  readonly sha256: string;
}

/** Where an image's content comes from. */
export class ImageSource {
  /**
   * A file on the machine that runs Terraform; it is uploaded.
   *
   * @param path the file's path; a relative one starts at the working directory of the synthesis
   */
  public static file(path: string): ImageSource {
    if (path === '') throw new Error('the path of an image file must not be empty');
    const file = Token.isUnresolved(path) ? path : resolve(path);
    return new ImageSource({ upload: { file } });
  }

  /**
   * A URL that the control plane fetches.
   *
   * @param url an http or https URL
   */
  public static url(url: string, options: UrlImageOptions): ImageSource {
    if (!Token.isUnresolved(url) && !/^https?:\/\//.test(url)) {
      throw new Error(`the URL of an image must begin with http:// or https://, got '${url}'`);
    }
    if (!Token.isUnresolved(options.sha256) && !SHA256_PATTERN.test(options.sha256)) {
      throw new Error(
        `sha256 must be 64 lower-case hexadecimal digits, got '${options.sha256}': ` +
          'take it from the publisher of the image',
      );
    }
    return new ImageSource({ url: { url, sha256: options.sha256 } });
  }

  /** @internal */
  public readonly _source: ImageSourceL1;

  private constructor(source: ImageSourceL1) {
    this._source = source;
  }
}

/** Properties of an image. */
export interface ImageProps extends ProjectResourceProps {
  /** Where the content comes from. */
  readonly source: ImageSource;

  /**
   * The content's format.
   *
   * @default - the content tells
   */
  readonly format?: ImageFormat;
}

/**
 * The content that volumes start as a copy of.
 *
 * @resource limiquantix_image
 */
export class Image extends Construct implements IImage {
  /** An image that was declared elsewhere. */
  public static fromImageId(scope: Construct, id: string, imageId: string): IImage {
    return new ImportedImage(scope, id, imageId);
  }

  public readonly imageId: string;

  /** The L1 beneath, for what this class has no property for. */
  public readonly resource: ImageL1;

  public constructor(scope: Construct, id: string, props: ImageProps) {
    super(scope, id);
    this.resource = new ImageL1(this, 'Resource', {
      ...header(this, props),
      projectId: props.projectId,
      source: props.source._source,
      format: props.format,
    });
    this.imageId = this.resource.id;
  }
}

class ImportedImage extends Construct implements IImage {
  public constructor(
    scope: Construct,
    id: string,
    public readonly imageId: string,
  ) {
    super(scope, id);
  }
}
