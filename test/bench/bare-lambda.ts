/** A bare Hono handler as a function of Lambda that loads the same SDK. Started by starts.ts. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { handle } from 'hono/aws-lambda'
import { bareApp, parseAnswers } from './bare.ts'

/** What Platte uses of it; named, so that a bundler keeps it. */
export const used = {
  client: new S3Client(),
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  Upload,
}

export const handler = handle(bareApp(parseAnswers(process.env.ANSWERS)))
